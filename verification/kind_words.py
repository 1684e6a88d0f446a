"""The words by which a document is known, each with its weight as evidence. Spellings in plain capitals."""

from __future__ import annotations

from collections.abc import Mapping

from verification import vocabulary
from verification.labels import folded

KTP, NPWP15, NPWP16, NPWP_BACK = "ktp", "npwp15", "npwp16", "npwp_back"
SIM, PASSPORT, FAMILY_CARD = "sim", "passport", "kk"
OTHER_TEXT, NONE, TWO_CARDS = "other_text", "none", "two_cards"

KTP_LABELS: Mapping[str, tuple[str, ...]] = {
    "NIK": ("NIK",),
    "Nama": ("NAMA", "NAMA LENGKAP"),
    "Tempat/Tgl Lahir": ("TEMPAT TGL LAHIR", "TEMPAT TANGGAL LAHIR", "TEMPAT LAHIR", "TGL LAHIR"),
    "Jenis Kelamin": ("JENIS KELAMIN",),
    "Alamat": ("ALAMAT",),
    "RT/RW": ("RTRW",),
    "Kel/Desa": ("KEL DESA", "DESA KEL", "KELURAHAN DESA", "DESA KELURAHAN"),
    "Kecamatan": ("KECAMATAN",),
    "Agama": ("AGAMA",),
    "Status Perkawinan": ("STATUS PERKAWINAN",),
    "Pekerjaan": ("PEKERJAAN",),
    "Kewarganegaraan": ("KEWARGANEGARAAN",),
    "Berlaku Hingga": ("BERLAKU HINGGA",),
}
KTP_WORDS = {"PROVINSI": 1.5, "PROPINSI": 1.5, "KABUPATEN": 1.0, "GOL DARAH": 2.0, "GOLONGAN DARAH": 2.0}
KTP_VALUES: Mapping[str, vocabulary.Vocabulary] = {
    "gender": vocabulary.GENDERS,
    "religion": vocabulary.RELIGIONS,
    "marital status": vocabulary.MARITAL,
    "nationality": {"WNI": ("WNI",)},
    "lifelong": vocabulary.LIFELONG,
}
NPWP_WORDS = {
    "KEMENTERIAN KEUANGAN": 3.0,
    "DEPARTEMEN KEUANGAN": 3.0,
    "DIREKTORAT JENDERAL PAJAK": 3.0,
    "NOMOR POKOK WAJIB PAJAK": 3.0,
    "KPP PRATAMA": 2.0,
    "KPP MADYA": 2.0,
    "TERDAFTAR": 1.0,
}
BACK_WORDS = {
    "HARAP DISIMPAN": 4.0,
    "AGAR DICANTUMKAN": 4.0,
    "DOKUMEN PERPAJAKAN": 4.0,
    "SEGERA MELAPORKAN": 3.0,
    "PINDAH DOMISILI": 3.0,
    "KANTOR PELAYANAN PAJAK": 2.0,
    "KRING PAJAK": 2.0,
}
SIM_WORDS = {
    "SURAT IZIN MENGEMUDI": 7.0,
    "DRIVING LICENSE": 7.0,
    "KEPOLISIAN NEGARA": 4.0,
    "SURAT IZIN": 2.0,
    "MENGEMUDI": 3.0,
    "SATPAS": 2.0,
}
PASSPORT_WORDS = {
    "PASPOR": 3.0,
    "PASSPORT": 3.0,
    "REPUBLIC OF": 4.0,
    "DATE OF BIRTH": 2.0,
    "DATE OF ISSUE": 2.0,
    "DATE OF EXPIRY": 2.0,
    "PLACE OF BIRTH": 2.0,
}
FAMILY_WORDS = {
    "KARTU KELUARGA": 8.0,
    "KEPALA KELUARGA": 6.0,
    "HUBUNGAN DALAM KELUARGA": 6.0,
    "NAMA ORANG TUA": 4.0,
    "DOKUMEN IMIGRASI": 4.0,
}
PHRASES = {
    KTP: KTP_WORDS,
    NPWP15: NPWP_WORDS,
    NPWP_BACK: BACK_WORDS,
    SIM: SIM_WORDS,
    PASSPORT: PASSPORT_WORDS,
    FAMILY_CARD: FAMILY_WORDS,
}
FULL_SCORE = {KTP: 15.0, NPWP15: 8.0, NPWP16: 8.0}  # of a card of which everything was read
CARD_WORDS = sorted(
    {folded(word) for spellings in KTP_LABELS.values() for spelling in spellings for word in spelling.split()}
    | {folded(word) for words in PHRASES.values() for phrase in words for word in phrase.split()}
    | {
        folded(word)
        for word in ("TANGGAL", "GOL", "DARAH", "LICENSE", "NAME", "FULL", "NATIONALITY", "KEL", "KABUPATEN")
    }
)
_TALK = """
saya aku kami kamu anda dan yang untuk dengan dari ini itu ada bisa mohon tolong kirim terima kasih selamat pagi siang
sore malam sudah belum juga nya atau kalau apa baik kak pak bu hari the and you your please thank
"""
TALK = frozenset(_TALK.split())  # in small letters no card has them
