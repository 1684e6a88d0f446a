"""Collect the texts of the console from the sources and compile their translations, without gettext on the machine."""

import ast
import io
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation.template import templatize

LANGUAGE = "id"  # the texts in the sources are the English ones
PO = Path(settings.BASE_DIR) / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
APPS = ("documents", "filot", "integrations", "review", "verification")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {**DEFAULT_KEYWORDS, "gettext_lazy": None, "gettext_noop": None, "ngettext_lazy": (1, 2)}

_LITERAL = r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
# What Django's `templatize` makes of a template's tags, and of a constant handed to a tag: _("text").
_CALL = re.compile(rf"\b(?:ngettext\({_LITERAL},\s*{_LITERAL}|(?:gettext|_)\({_LITERAL})")

Text = str | tuple[str, str]  # with its plural


def texts() -> dict[Text, list[tuple[str, int]]]:
    """Every own text with the places where it stands: (path from the project's folder, line)."""
    found: dict[Text, list[tuple[str, int]]] = {}
    for path in _sources():
        name = path.relative_to(settings.BASE_DIR).as_posix()
        reader = _of_python if path.suffix == ".py" else _of_template
        for text, line in reader(path):
            found.setdefault(text, []).append((name, line))
    return found


def _sources() -> Iterator[Path]:
    base = Path(settings.BASE_DIR)
    for app in APPS:
        yield from (path for path in sorted((base / app).rglob("*.py")) if "migrations" not in path.parts)
    yield from sorted((base / "templates").rglob("*.html"))


def _of_python(path: Path) -> Iterator[tuple[Text, int]]:
    for line, _name, message, _comments in extract_python(path.open("rb"), KEYWORDS, [], {}):
        if not message:  # of a name, not of a text: that one is marked where it is written
            continue
        words = [message] if isinstance(message, str) else list(message)
        plural = _name in ("ngettext", "ngettext_lazy")
        if words and words[0]:
            yield ((str(words[0]), str(words[1])) if plural else str(words[0])), line


def _of_template(path: Path) -> Iterator[tuple[Text, int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = templatize(path.read_text(), origin=str(path))
    for call in _CALL.finditer(calls):
        one, many, alone = (ast.literal_eval(literal) if literal else "" for literal in call.groups())
        yield ((one, many) if one else alone), calls.count("\n", 0, call.start()) + 1


def catalog() -> Catalog:
    """The stored translations, with exactly the texts that the sources have now."""
    with PO.open("rb") as stored:
        known = read_po(stored, locale=LANGUAGE)
    fresh: Catalog = Catalog(
        locale=LANGUAGE, fuzzy=False, project="FiLot", version="1", header_comment="", msgid_bugs_address="-"
    )
    fresh.last_translator = fresh.language_team = "-"
    # Not of today: the files would change with every run.
    fresh.creation_date = fresh.revision_date = EPOCH
    for text, _places in sorted(texts().items(), key=lambda each: each[1]):
        told = known.get(text[0] if isinstance(text, tuple) else text)
        fresh.add(text, told.string if told and not told.fuzzy else ("", "") if isinstance(text, tuple) else "")
    return fresh


def as_po(translations: Catalog) -> bytes:
    """Without line numbers, which would change with every edit elsewhere."""
    out = io.BytesIO()
    write_po(out, translations, width=120, no_location=True)
    return out.getvalue()


def as_mo(translations: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, translations)
    return out.getvalue()


def untranslated(translations: Catalog) -> list[str]:
    return [str(each.id) for each in translations if each.id and not all(_forms(each.string))]


def _forms(string: Any) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else tuple(string)


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        current = catalog()
        PO.write_bytes(as_po(current))
        PO.with_suffix(".mo").write_bytes(as_mo(current))
        if left := untranslated(current):
            raise CommandError("not translated yet:\n" + "\n".join(left))
        self.stdout.write(f"{len(current)} texts in {PO.relative_to(settings.BASE_DIR)}")
