from collections.abc import Sequence

import pytest

from ocr_gpu.engine import Box, OcrLine
from verification.kinds import Kind, kind_of

KTP = (
    "PROVINSI CONTOH UTARA",
    "KABUPATEN CONTOH",
    "NIK : 3174014107900003",
    "Nama : RATNA SPECIMEN",
    "Tempat/Tgl Lahir : BOGOR, 01-07-1990",
    "Jenis Kelamin : PEREMPUAN Gol. Darah : O",
    "Alamat : JL. CONTOH NO. 4",
    "RT/RW : 003/005",
    "Kel/Desa : CONTOH",
    "Kecamatan : CONTOH BARAT",
    "Agama : ISLAM",
    "Status Perkawinan : KAWIN",
    "Pekerjaan : GURU",
    "Kewarganegaraan : WNI",
    "Berlaku Hingga : SEUMUR HIDUP",
)
NPWP15 = (
    "KEMENTERIAN KEUANGAN REPUBLIK INDONESIA",
    "DIREKTORAT JENDERAL PAJAK",
    "NPWP : 09.254.294.3-407.000",
    "RATNA SPECIMEN",
    "NIK : 3174014107900003",
    "JL. CONTOH NO. 4 RT 003 RW 005",
    "KPP PRATAMA CONTOH",
    "Terdaftar : 01-02-2015",
)
NPWP16 = (*NPWP15[:2], "NPWP16 : 3174 0141 0790 0003", "RATNA SPECIMEN", *NPWP15[5:])
NPWP_BACK = (
    "PERHATIAN",
    "Kartu ini harap disimpan baik-baik dan apabila hilang,",
    "agar segera melaporkan ke Kantor Pelayanan Pajak.",
    "NPWP agar dicantumkan dalam hal berhubungan dengan",
    "dokumen perpajakan.",
)
SIM = (
    "SURAT IZIN MENGEMUDI",
    "DRIVING LICENSE INDONESIA",
    "1. RATNA SPECIMEN",
    "2. BOGOR, 01-07-1990",
    "3. O - WANITA",
    "4. JL. CONTOH NO. 4",
    "5. GURU",
)
PASSPORT = (
    "REPUBLIK INDONESIA REPUBLIC OF INDONESIA",
    "PASPOR PASSPORT",
    "Nama Lengkap / Full Name",
    "RATNA SPECIMEN",
    "Kewarganegaraan / Nationality",
    "Tgl. Lahir / Date of Birth",
    "P<IDNSPECIMEN<<RATNA<<<<<<<<<<<<<<<<<<<<<<<<",
)
FAMILY = (
    "KARTU KELUARGA",
    "No. 3174014107909001",
    "Nama Kepala Keluarga : RATNA SPECIMEN",
    "Alamat : JL. CONTOH NO. 4",
    "RT/RW : 003/005",
    "Kecamatan : CONTOH BARAT",
    "RATNA SPECIMEN 3174014107900003",
    "ADI SPECIMEN 3174014107150002",
    "Jenis Kelamin",
    "Agama",
)
CHAT = (
    "< Kelurahan",
    "Selamat pagi, mohon kirim data ya",
    "NIK dan nama lengkap sesuai KTP",
    "NIK saya 3174014107900003 atas nama RATNA",
    "Alamat JL. CONTOH NO. 4",
    "Terima kasih, foto KTP nya juga",
    "10.32",
)
FORM_IN_A_CHAT = (
    "Selamat siang kak, ini data saya untuk pendaftaran",
    "NIK : 3174014107900003",
    "Nama : Ratna Specimen",
    "Tempat/Tgl Lahir : Bogor, 1 Juli 1990",
    "Alamat : Jl. Contoh no. 4",
    "Agama : Islam",
    "Pekerjaan : Guru",
    "terima kasih ya kak, mohon dibantu",
)
RECEIPT = ("WARUNG KOPI CONTOH", "NOTA 20311", "2 x KOPI SUSU", "36.000", "1 x ROTI BAKAR", "TOTAL", "TERIMA KASIH")
LETTER = (
    "Surat izin ini diberikan kepada yang namanya tersebut di bawah",
    "1. Untuk masuk ke gedung dari pagi sampai malam",
    "2. Dengan membawa kartu ini dan tanda pengenal lain",
    "3. Tidak berlaku untuk tamu yang tidak terdaftar",
    "4. Harap dikembalikan jika sudah selesai",
)


def page(*columns: Sequence[str], turn: int = 0) -> list[OcrLine]:
    """The texts below each other, in as many columns."""
    wide = 1 / len(columns)
    found = []
    for place, texts in enumerate(columns):
        for row, text in enumerate(texts):
            box = Box(0.02 + place * wide, 0.04 + row * 0.055, min(0.018 * len(text), wide * 0.9), 0.03)
            found.append(OcrLine(text, 0.96, box, turn))
    return found


def code(*columns: Sequence[str]) -> str:
    return kind_of(page(*columns)).code


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (KTP, "ktp"),
        (NPWP15, "npwp15"),
        (NPWP16, "npwp16"),
        (NPWP_BACK, "npwp_back"),
        (SIM, "sim"),
        (PASSPORT, "passport"),
        (FAMILY, "kk"),
    ],
)
def test_each_document_is_known_by_its_own_words(texts: tuple[str, ...], kind: str) -> None:
    found = kind_of(page(texts))
    assert found.code == kind
    assert found.confidence > 0.5
    assert len(found.evidence) >= 2


@pytest.mark.parametrize("texts", [CHAT, FORM_IN_A_CHAT, RECEIPT, LETTER])
def test_writing_about_a_card_is_no_card(texts: tuple[str, ...]) -> None:
    assert code(texts) == "other_text"


@pytest.mark.parametrize(
    "texts", [(), ("SPECIMEN",), (".", "-", "l"), ("SPECIMEN", "SPECIMEN")], ids=["none", "stamp", "specks", "stamps"]
)
def test_a_page_without_writing_is_none(texts: tuple[str, ...]) -> None:
    assert code(texts) == "none"


@pytest.mark.parametrize("kept", [slice(0, None, 2), slice(1, None, 2), slice(0, 7), slice(7, None)])
def test_a_ktp_of_which_half_cannot_be_read_is_still_one(kept: slice) -> None:
    found = kind_of(page(KTP[kept]))
    assert found.code == "ktp"
    assert found.legible < 0.85


def test_misread_labels_are_found() -> None:
    texts = ("PROVlNSI C0NTOH", "N1K : 3174014107900O03", "Narna : RATNA", "Ternpat/Tgl Lahir : BOGOR", "Jenis Kelamln")
    found = kind_of(page((*texts, "A1amat", "Kecarnatan", "Pekerjaan", "Kewarganegaran")))
    assert found.code == "ktp"
    assert {"Tempat/Tgl Lahir", "Alamat", "Kecamatan", "Kewarganegaraan"} <= set(found.evidence)


def test_a_ktp_whose_labels_are_cut_off_is_known_by_what_stands_beside_them() -> None:
    values = [text.split(" : ", 1)[-1] for text in KTP]
    assert code(values) == "ktp"


def test_the_missing_labels_of_a_ktp_are_told_and_all_of_it_is_legible() -> None:
    whole = kind_of(page(KTP))
    assert whole.missing == ()
    assert whole.legible == 1
    cut = kind_of(page(KTP[:9]))
    assert cut.missing[-4:] == ("Status Perkawinan", "Pekerjaan", "Kewarganegaraan", "Berlaku Hingga")


def test_a_tax_card_with_the_holders_nik_on_it_stays_an_old_one() -> None:
    assert code(NPWP15) == "npwp15"
    hidden = tuple("NPWP : 09.2" if text.startswith("NPWP") else text for text in NPWP15)
    assert code(hidden) == "npwp15"


def test_a_new_tax_card_with_the_old_number_below_or_with_labels_like_a_ktps_is_a_new_one() -> None:
    old_below = (*NPWP16[:3], "NPWP15 : 09.254.294.3-407.000", *NPWP16[3:])
    labelled = (*NPWP16[:2], "NPWP", ": 3174 0141 0790 0003", "NIK", ": 3174014107900003", "Nama", ": RATNA SPECIMEN")
    assert code(old_below) == "npwp16"
    assert code((*labelled, "Alamat", ": JL. CONTOH RT 003/005", "KAB. CONTOH", *NPWP16[5:])) == "npwp16"


def test_two_ktps_on_one_page_are_seen_beside_and_below_each_other() -> None:
    assert code(KTP, KTP) == "two_cards"
    lower = [OcrLine(line.text, 0.9, Box(line.box.x, line.box.y + 0.9, line.box.w, line.box.h)) for line in page(KTP)]
    assert kind_of([*page(KTP), *lower]).code == "two_cards"


def test_a_ktp_beside_an_npwp_are_two_cards() -> None:
    assert code(KTP, NPWP15) == "two_cards"


def test_a_line_that_was_read_twice_is_no_second_card() -> None:
    assert kind_of([*page(KTP), *page(KTP)]).code == "ktp"


def test_a_page_on_its_side_is_known_all_the_same() -> None:
    turned = [OcrLine(x.text, 0.9, Box(x.box.y, 1 - x.box.x - x.box.w, x.box.h, x.box.w), 90) for x in page(KTP)]
    assert kind_of(turned).code == "ktp"


def test_a_kind_fits_the_type_it_was_sent_in_as_or_not() -> None:
    assert Kind("ktp", 1, ()).fits("KTP")
    assert Kind("npwp16", 1, ()).fits("NPWP")
    assert not Kind("npwp15", 1, ()).fits("KTP")
    assert not Kind("two_cards", 1, ()).fits("KTP")
    assert not Kind("ktp", 1, ()).fits("SIM")
