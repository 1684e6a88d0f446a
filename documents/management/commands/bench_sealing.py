"""What sealing costs: a value, a picture, a key that this process does not know yet, and its share of an upload.

Writes an owner and uploads of theirs and undoes it all; the objects and the keys it made are deleted.
"""

import os
import statistics
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from documents import keys
from documents.models import Document
from documents.sealing import seal, unseal
from documents.services import receive_upload
from documents.storage import delete_original

FIELD_BYTES, CARD_BYTES = 1_000, 400_000
PLACE = "bench"


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=300, help="of each")
        parser.add_argument("--card", help="a JPEG to upload; none: uploads are not measured")

    def handle(self, *args: Any, **options: Any) -> None:
        count, subject = options["count"], uuid.uuid4()
        others = [uuid.uuid4() for _ in range(min(count, 100))]
        try:
            for name, size in (("a column of 1 kB", FIELD_BYTES), ("a picture of 400 kB", CARD_BYTES)):
                plain = os.urandom(size)
                sealed = seal(plain, subject=subject, belongs_to=PLACE)
                self._say(f"seal {name}", count, partial(seal, plain, subject=subject, belongs_to=PLACE))
                self._say(f"open {name}", count, partial(unseal, sealed, belongs_to=PLACE))
            self._say("a new subject's first key", len(others), self._each(others, keys.current))
            keys.forget_kept()
            self._say("a key unknown to this process", len(others), self._each(others, lambda of: keys.opened(of, 1)))
            if options["card"]:
                self._uploads(Path(options["card"]).read_bytes(), count)
        finally:
            for made in [subject, *others]:
                keys.destroy_version(made, 1)

    def _uploads(self, card: bytes, count: int) -> None:
        with transaction.atomic():
            owner = get_user_model().objects.create(username=uuid.uuid4().hex)
            try:
                upload = partial(receive_upload, owner=owner, type="KTP", data=card, declared_type="image/jpeg")
                upload()
                self._say("receive_upload", count, upload)
            finally:
                for key in Document.objects.filter(owner=owner).values_list("storage_key", flat=True):
                    delete_original(key)
                keys.destroy_version(owner.pk, 1)
                transaction.set_rollback(True)

    def _each(self, subjects: list[uuid.UUID], act: Callable[[uuid.UUID], Any]) -> Callable[[], Any]:
        left = iter(subjects)
        return lambda: act(next(left))

    def _say(self, what: str, count: int, act: Callable[[], Any]) -> None:
        took = []
        for _ in range(count):
            began = time.perf_counter()
            act()
            took.append((time.perf_counter() - began) * 1e6)
        middle, most = statistics.median(took), sorted(took)[int(len(took) * 0.95)]
        self.stdout.write(f"{what:32} {middle:10.1f} us median {most:10.1f} us p95")
