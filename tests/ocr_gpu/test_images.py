import io
import random
import zipfile

import numpy
import pypdfium2
import pytest
from PIL import Image

from ocr_gpu import sandbox
from ocr_gpu.images import REFUSALS, FileFacts, UnreadableFile, check_file, page_png, sniff, upright_pages
from tests.ocr_gpu import files

SEED = 20_261
MUTATIONS = 200
TIGHT = sandbox.Limits(memory_bytes=48 * 1024 * 1024)
STOPPED = {"decoder_timed_out", "decoder_out_of_memory", "decoder_crashed"}  # whichever limit it meets first

JPEG = files.encoded(files.half_and_half(), "JPEG", quality=95)
PNG = files.encoded(files.half_and_half(), "PNG")
PDF = files.blank_pdf()


def code_of(data: bytes, declared: str | None = None) -> str:
    with pytest.raises(UnreadableFile) as caught:
        check_file(data, declared=declared)
    assert (caught.value.status, caught.value.message) == REFUSALS[caught.value.code]
    return caught.value.code


def only_page(data: bytes) -> numpy.ndarray:
    [page] = upright_pages(data)
    assert page.dtype == numpy.uint8
    return page


def colour_at(data: bytes, x: float, y: float) -> tuple[int, ...]:
    page = only_page(data)
    return tuple(page[int(y * page.shape[0]), int(x * page.shape[1])].tolist())


def zip_archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("run.txt", "SPECIMEN")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (JPEG, "image/jpeg"),
        (PNG, "image/png"),
        (PDF, "application/pdf"),
        (b"GIF89a", None),
        (b"<html><body>", None),
        (b"\n" + PDF, None),
        (b"", None),
    ],
)
def test_the_kind_is_told_by_the_first_bytes(data: bytes, kind: str | None) -> None:
    assert sniff(data) == kind


@pytest.mark.parametrize(
    ("data", "declared", "facts"),
    [
        (JPEG, "image/jpeg", FileFacts("image/jpeg", 120, 80, 1)),
        (JPEG, "IMAGE/JPG; charset=binary", FileFacts("image/jpeg", 120, 80, 1)),
        (PNG, "image/png", FileFacts("image/png", 120, 80, 1)),
        (PNG, None, FileFacts("image/png", 120, 80, 1)),
        (files.blank_pdf(pages=5), "application/pdf", FileFacts("application/pdf", 243, 153, 5)),
    ],
)
def test_a_sound_file_passes_with_its_facts(data: bytes, declared: str | None, facts: FileFacts) -> None:
    assert check_file(data, declared=declared) == facts


def test_every_refusal_is_a_415_or_a_422_with_a_sentence() -> None:
    for code, (status, message) in REFUSALS.items():
        assert code.isidentifier()
        assert status == (415 if code.startswith("kind_") else 422)
        assert message.endswith(".")


def test_an_empty_file_is_refused_with_its_code() -> None:
    assert code_of(b"", "image/png") == "empty_file"


@pytest.mark.parametrize("data", [b"<html><script>alert(1)</script>", b"GIF89a", b"\n" + PDF, b"MZ\x90"])
def test_a_file_of_another_kind_is_refused_whatever_it_is_called(data: bytes) -> None:
    assert code_of(data, "application/pdf") == "kind_not_accepted"


def test_a_kind_that_differs_from_the_declared_one_is_refused() -> None:
    assert code_of(PNG, "application/pdf") == "kind_differs"
    assert code_of(JPEG, "image/png") == "kind_differs"


@pytest.mark.parametrize(
    "data",
    [
        JPEG[: len(JPEG) // 2],
        PNG[: len(PNG) // 2],
        PNG[:-8],
        PNG[:-30] + b"\x00" + PNG[-29:],
        JPEG[:4] + bytes(200),
        PNG[:8] + b"not a chunk",
        b"%PDF-1.7\nno page in here",
        files.pdf_of([b"<< /Type /Catalog >>"]),
    ],
    ids=["half jpeg", "half png", "png without end", "png bad sum", "jpeg shell", "png shell", "pdf shell", "no pages"],
)
def test_a_truncated_or_damaged_file_is_refused_with_its_code(data: bytes) -> None:
    assert code_of(data) == "not_decodable"


@pytest.mark.parametrize(
    "data",
    [
        PNG + b"<HTML><body onload=alert(1)>",
        JPEG + b"<script src=//example.test>",
        JPEG[:2] + b"\xff\xfe\x00\x0a%PDF-1.7" + JPEG[2:],
        PNG + zip_archive(),
        PDF + zip_archive(),
    ],
    ids=["png+html", "jpeg+script", "jpeg+pdf", "png+zip", "pdf+zip"],
)
def test_a_file_that_is_two_things_at_once_is_refused(data: bytes) -> None:
    assert code_of(data) == "hidden_content"


def test_what_phones_append_to_a_photograph_does_no_harm() -> None:
    film = b"\x00\x00\x00\x18ftypmp42" + random.Random(SEED).randbytes(50_000)
    assert check_file(JPEG + film, declared="image/jpeg").kind == "image/jpeg"


def test_of_a_photograph_of_several_pictures_the_first_is_taken() -> None:
    several = files.encoded(files.half_and_half(), "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40))])
    assert check_file(several, declared="image/jpeg") == FileFacts("image/jpeg", 120, 80, 1)
    assert only_page(several).shape == (80, 120, 3)


def test_a_bomb_is_refused_by_its_header_and_never_decoded() -> None:
    bomb = files.one_bit_bomb()
    assert len(bomb) < 100_000
    with pytest.raises(UnreadableFile) as caught:
        sandbox.run("ocr_gpu.decoding:facts", bomb, {"kind": "image/png"}, TIGHT)
    assert caught.value.code == "too_many_pixels"
    assert code_of(bomb) == "too_many_pixels"
    with pytest.raises(UnreadableFile):
        upright_pages(bomb)


def test_forty_megapixels_are_the_most_that_is_read() -> None:
    assert check_file(files.encoded(Image.new("1", (8000, 5000)), "PNG"), declared=None).width == 8000
    assert code_of(files.encoded(Image.new("1", (8000, 5001)), "PNG")) == "too_many_pixels"


def test_a_bomb_inside_a_pdf_is_refused_and_not_left_out_of_the_page() -> None:
    assert check_file(files.pdf_with_picture(500), declared=None).pages == 1
    bomb = files.pdf_with_picture(10_000)
    assert len(bomb) < 200_000
    assert code_of(bomb) == "too_many_pixels"
    with pytest.raises(UnreadableFile):
        upright_pages(bomb)


def test_a_pdf_that_would_draw_for_ever_is_stopped() -> None:
    endless = files.pdf_that_never_ends()
    assert len(endless) < 6000
    with pytest.raises(UnreadableFile) as caught:
        sandbox.run("ocr_gpu.decoding:facts", endless, {"kind": "application/pdf"}, sandbox.Limits(cpu_seconds=2))
    assert caught.value.code in STOPPED


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_its_exif_says(orientation: int) -> None:
    stored_as = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = files.half_and_half((700, 420))
    stored = upright.transpose(stored_as[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = files.encoded(stored, "JPEG", exif=exif)

    assert check_file(data, declared=None)[1:3] == (700, 420)
    page = only_page(data)
    assert page.shape == (420, 700, 3)
    assert numpy.abs(page.astype(int) - numpy.asarray(upright)).mean() < 3
    assert Image.open(io.BytesIO(page_png(data, max_side=350))).size == (350, 210)


def test_a_large_photograph_is_made_smaller_and_keeps_its_turn() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = files.encoded(files.half_and_half((6000, 3000)), "JPEG", exif=exif)
    assert check_file(data, declared=None)[1:3] == (3000, 6000)
    page = only_page(data)
    assert page.shape == (2600, 1300, 3)
    assert page[650, 300].tolist() == pytest.approx([200, 0, 0], abs=6)
    assert page[1950, 650].tolist() == pytest.approx([0, 0, 200], abs=6)


def test_exif_that_cannot_be_read_leaves_the_picture_as_it_is() -> None:
    data = files.encoded(files.half_and_half(), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff broken")
    assert only_page(data).shape == (80, 120, 3)


@pytest.mark.parametrize(
    ("picture", "kind", "expected"),
    [
        (Image.new("RGBA", (40, 30), (0, 0, 0, 0)), "PNG", (255, 255, 255)),
        (Image.new("RGBA", (40, 30), (200, 0, 0, 255)), "PNG", (200, 0, 0)),
        (Image.new("LA", (40, 30), (0, 128)), "PNG", (127, 127, 127)),
        (Image.new("L", (40, 30), 90), "PNG", (90, 90, 90)),
        (Image.new("L", (40, 30), 90), "JPEG", (90, 90, 90)),
        (Image.new("1", (40, 30), 1), "PNG", (255, 255, 255)),
        (Image.new("I;16", (40, 30), 0x8000), "PNG", (128, 128, 128)),
        (Image.new("RGB", (40, 30), (10, 200, 30)).quantize(), "PNG", (10, 200, 30)),
        (Image.new("RGB", (40, 30), (200, 40, 40)).convert("CMYK"), "JPEG", (200, 40, 40)),
    ],
    ids=["clear", "RGBA", "LA", "grey png", "grey jpeg", "1 bit", "16 bits", "palette", "CMYK"],
)
def test_every_mode_of_a_picture_becomes_plain_rgb(
    picture: Image.Image, kind: str, expected: tuple[int, int, int]
) -> None:
    data = files.encoded(picture, kind)
    assert check_file(data, declared=None)[1:3] == (40, 30)
    assert only_page(data).shape == (30, 40, 3)
    assert colour_at(data, 0.5, 0.5) == pytest.approx(expected, abs=3)


def test_a_transparent_palette_colour_shows_as_white() -> None:
    picture = Image.new("P", (40, 30), 0)
    picture.putpalette([0, 0, 0, 200, 0, 0])
    assert colour_at(files.encoded(picture, "PNG", transparency=0), 0.5, 0.5) == (255, 255, 255)


def test_a_page_can_be_written_on() -> None:
    page = only_page(PNG)
    page[0, 0] = (1, 2, 3)
    assert tuple(page[0, 0]) == (1, 2, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_a_picture_of_any_shape_becomes_a_page(size: tuple[int, int]) -> None:
    page = only_page(files.encoded(Image.new("RGB", size), "PNG"))
    assert min(page.shape[:2]) >= 1
    assert max(page.shape[:2]) <= 2600


def test_a_pdf_of_six_pages_is_refused_with_its_code() -> None:
    assert code_of(files.blank_pdf(pages=6)) == "too_many_pages"


def test_an_encrypted_pdf_is_refused_with_its_code() -> None:
    assert code_of(files.encrypted_pdf()) == "pdf_encrypted"


def test_every_page_of_a_pdf_is_shown_and_no_larger_than_a_photograph() -> None:
    pictures = [files.half_and_half((300, 200)), Image.new("RGB", (200, 300), (0, 0, 200))]
    data = files.encoded(pictures[0], "PDF", save_all=True, append_images=pictures[1:])
    pages = upright_pages(data)
    assert [page.shape for page in pages] == [(200, 300, 3), (300, 200, 3)]
    assert pages[0][100, 100].tolist() == pytest.approx([200, 0, 0], abs=6)
    assert pages[1][100, 100].tolist() == pytest.approx([0, 0, 200], abs=6)


@pytest.mark.parametrize("size", [b"0 0 14400 14400", b"0 0 1 14400", b"0 0 3 3"])
def test_a_pdf_page_of_any_size_is_rendered_within_bounds(size: bytes) -> None:
    page = only_page(files.blank_pdf(size=size))
    assert 1 <= min(page.shape[:2]) <= max(page.shape[:2]) <= 2601


def test_a_script_and_an_attachment_in_a_pdf_have_nothing_to_run_in() -> None:
    script = b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\); while\\(true\\){}) >>"
    assert check_file(files.blank_pdf(catalogue=script), declared="application/pdf").pages == 1
    assert not {"V8", "XFA"} & set(pypdfium2.PDFIUM_INFO.flags)


def test_what_people_see_holds_nothing_but_pixels() -> None:
    exif = Image.Exif()
    exif[0x010E] = "EXIF-REMAINS"
    data = files.encoded(files.half_and_half((3200, 2000)), "JPEG", exif=exif, comment=b"COMMENT-REMAINS")
    shown = page_png(data + b"TAIL-REMAINS")
    assert b"REMAINS" not in shown
    picture = Image.open(io.BytesIO(shown))
    assert (picture.format, picture.mode, picture.size, picture.info) == ("PNG", "RGB", (1600, 1000), {})


def test_one_page_of_a_pdf_can_be_shown_and_a_missing_one_is_refused() -> None:
    data = files.blank_pdf(pages=2)
    assert Image.open(io.BytesIO(page_png(data, page=1, max_side=100))).size == (100, 63)
    for missing in (2, -1):
        with pytest.raises(UnreadableFile, match="no_such_page"):
            page_png(data, page=missing)
    with pytest.raises(UnreadableFile, match="no_such_page"):
        page_png(JPEG, page=1)


def mutated(chance: random.Random) -> bytes:
    data = bytearray(chance.choice([JPEG, PNG, PDF, files.encoded(files.half_and_half(), "PDF")]))
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(8, len(data))
        match chance.randrange(4):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                data[place : place + chance.randint(1, 40)] = b""
            case 2:
                data[place:place] = chance.randbytes(chance.randint(1, 20))
            case _:
                data[place : place + 4] = b"\xff\xff\xff\xff"
        if len(data) < 20:
            break
    return bytes(data)


def test_two_hundred_damaged_files_give_a_page_or_a_refusal_and_nothing_else() -> None:
    chance = random.Random(SEED)
    refused = 0
    for _ in range(MUTATIONS):
        data = mutated(chance)
        try:
            check_file(data, declared=None)
            assert upright_pages(data)
        except UnreadableFile as refusal:
            assert refusal.code in REFUSALS
            refused += 1
    assert 0 < refused < MUTATIONS
