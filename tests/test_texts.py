"""Every text of the console is there in English and in Indonesian, and what is compiled is what is written."""

import re

from filot.management.commands.collect_texts import PO, as_mo, as_po, catalog, texts, untranslated

PLACE = re.compile(r"%\((\w+)\)[ds]")


def test_every_text_of_the_sources_is_translated() -> None:
    assert len(texts()) > 300
    assert untranslated(catalog()) == []


def test_the_stored_and_the_compiled_translations_are_current() -> None:
    """`manage.py collect_texts` writes both."""
    current = catalog()
    assert PO.read_bytes() == as_po(current)
    assert PO.with_suffix(".mo").read_bytes() == as_mo(current)


def test_a_translation_has_the_places_of_its_text() -> None:
    wrong = []
    for message in catalog():
        ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
        told = message.string if isinstance(message.string, tuple | list) else (message.string,)
        wanted = {place for text in ids for place in PLACE.findall(text)}
        wrong += [text for text in told if message.id and set(PLACE.findall(text)) != wanted]
    assert wrong == []
