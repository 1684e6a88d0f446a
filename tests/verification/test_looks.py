from dataclasses import replace

import numpy
import pytest

from ocr_gpu.engine import Box, OcrEngine, OcrLine, load_engine
from ocr_gpu.images import upright_pages
from tests.verification.build import ScriptedEngine, lines_of
from verification import ktp, npwp
from verification.fields import FieldValue
from verification.looks import Look, first_look, found, is_weak, joined
from verification.specimens import encode, render

NIK = "3273014107900001"


def value(text: str | None, confidence: float = 0.95, proposed: str | None = None) -> FieldValue:
    return FieldValue(text, text or "", confidence, Box(0.1, 0.1, 0.2, 0.1), proposed)


def look(**fields: FieldValue) -> Look:
    return Look([], fields)


def full_card(**changes: FieldValue) -> Look:
    return look(**{name: value("X") for name in ktp.FIELDS} | {"nik": value(NIK)} | changes)


def test_a_card_with_a_sure_number_and_most_fields_is_not_weak() -> None:
    assert not is_weak(ktp, full_card())


@pytest.mark.parametrize("number", [value(NIK, 0.89), value(None)])
def test_a_card_without_a_sure_number_is_weak(number: FieldValue) -> None:
    assert is_weak(ktp, full_card(nik=number))


def test_a_card_of_which_little_was_found_is_weak() -> None:
    assert is_weak(ktp, look(nik=value(NIK), name=value("SITI CONTOH")))


def test_a_second_look_adds_what_the_first_had_not() -> None:
    both = joined(ktp, look(nik=value(NIK)), look(name=value("SITI CONTOH"), nik=value(NIK, 0.5)))
    assert both.fields["name"].value == "SITI CONTOH"
    assert both.fields["nik"].confidence == 0.95
    assert list(both.fields) == ["nik", "name"]  # in the order of the card


def test_a_text_is_replaced_only_by_one_that_is_clearly_surer() -> None:
    first = look(name=value("SITI CONTOH", 0.8))
    assert joined(ktp, first, look(name=value("SITI C0NTOH", 0.82))).fields["name"].value == "SITI CONTOH"
    assert joined(ktp, first, look(name=value("SITI CONTOHA", 0.95))).fields["name"].value == "SITI CONTOHA"
    assert joined(ktp, first, look(name=value(None, 0.99))).fields["name"].value == "SITI CONTOH"


def test_two_looks_that_disagree_about_the_number_are_both_kept_and_neither_believed() -> None:
    both = joined(ktp, look(nik=value(NIK, 0.95)), look(nik=value("3273014107900007", 0.97)))
    assert {both.fields["nik"].value, both.fields["nik"].proposed} == {NIK, "3273014107900007"}
    assert both.fields["nik"].confidence <= 0.5


def test_two_looks_that_agree_keep_the_surer_of_them() -> None:
    assert joined(ktp, look(nik=value(NIK, 0.7)), look(nik=value(NIK, 0.93))).fields["nik"].confidence == 0.93


def test_a_number_that_only_the_second_look_gave_is_taken() -> None:
    assert joined(ktp, look(nik=value(None, 0.4)), look(nik=value(NIK, 0.93))).fields["nik"].value == NIK


def test_lines_without_corners_give_no_sure_number() -> None:
    page = numpy.zeros((100, 100, 3), dtype=numpy.uint8)
    seen = first_look(ScriptedEngine(), ktp, page, lines_of(["NIK : " + NIK, "Nama : SITI CONTOH"]))
    assert seen.fields["nik"].value == NIK
    assert is_weak(ktp, seen)
    assert found(seen) == 2


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    return load_engine("rapidocr", threads=2)


def test_a_specimen_is_sure_at_first_sight_and_a_number_that_nobody_has_is_not(engine: OcrEngine) -> None:
    image, truth = render("ktp", "clean", 11)
    [page] = upright_pages(encode(image, "jpeg"))
    [lines] = engine.read([page])
    seen = first_look(engine, ktp, page, lines)
    assert seen.fields["nik"].value == truth["fields"]["nik"]
    assert not is_weak(ktp, seen)
    impossible = "99" + truth["fields"]["nik"][2:]
    faked = [_with(line, truth["fields"]["nik"], impossible) for line in lines]
    doubted = first_look(engine, ktp, page, faked).fields["nik"]
    assert doubted.confidence < 0.9  # the strip says otherwise


def _with(line: OcrLine, old: str, new: str) -> OcrLine:
    return replace(line, text=line.text.replace(old, new))


def test_a_number_that_stands_on_the_card_twice_keeps_each_of_its_places(engine: OcrEngine) -> None:
    image, truth = next(made for seed in range(20) if "nik" in (made := render("npwp16", "clean", seed))[1]["boxes"])
    [page] = upright_pages(encode(image, "jpeg"))
    seen = first_look(engine, npwp, page, engine.read([page])[0])
    assert seen.fields["npwp16"].value == seen.fields["nik"].value == truth["fields"]["nik"]
    for name in ("npwp16", "nik"):
        box, drawn = seen.fields[name].box, truth["boxes"][name]
        assert box is not None
        assert box.y + box.h / 2 == pytest.approx(drawn[1] + drawn[3] / 2, abs=0.03)
