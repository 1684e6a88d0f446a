"""`python -m tests.torture.originals OWNER...`: opens every original of these owners as FiLot does.

Prints {"opened": {document: SHA-256, or what went wrong}, "objects": [every key in their folders]}.
"""

import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import django

AT_ONCE = 8


def main(owners: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "filot.settings")
    django.setup()

    from documents.models import Document
    from documents.storage import originals

    documents = list(Document.objects.filter(owner__in=owners))
    with ThreadPoolExecutor(AT_ONCE) as openers:
        opened = dict(openers.map(digest, documents))
    objects = [f"{owner}/{name}" for owner in owners for name in _names(originals(), owner)]
    print(json.dumps({"opened": opened, "objects": objects}))


def digest(document: object) -> tuple[str, str]:
    from documents.storage import read_original

    try:
        data = read_original(document.storage_key)  # type: ignore[attr-defined]
    except Exception as error:
        return str(document.pk), type(error).__name__  # type: ignore[attr-defined]
    return str(document.pk), hashlib.sha256(data).hexdigest()  # type: ignore[attr-defined]


def _names(store: object, folder: str) -> list[str]:
    try:
        return list(store.listdir(folder)[1])  # type: ignore[attr-defined]
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    main(sys.argv[1:])
