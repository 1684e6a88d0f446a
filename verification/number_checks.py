"""Checks of a card's number: was it surely read, can it exist, and does the rest of the card agree with it."""

from __future__ import annotations

from collections.abc import Mapping

from verification.checks import Check, Outcome, Text, as_outcome, one_of
from verification.evidence import SURE, Evidence
from verification.fields import FieldValue
from verification.identity_numbers import is_exact, without_separators
from verification.nik import NIK_DIGITS, NikParts, births_of, could_be_nik, is_nik, read_nik
from verification.npwp_number import LUHN_DIGITS, NPWP15_DIGITS, luhn_holds
from verification.region_match import RegionMatch, compare
from verification.region_register import district_codes, regency_names

NUMBERS = {"KTP": ("nik",), "NPWP": ("npwpNumber", "npwp16")}
ALL_NUMBERS = ("nik", "npwpNumber", "npwp16")
OLD_ONE = "0"  # before fifteen digits: the new form of a number that is no NIK, for no province begins with it
NO_SERIAL = "0000"


def number_of(evidence: Evidence) -> str:
    """The digits of the card's number as it was read; an empty text where there is none."""
    values = (evidence.value(name) for name in NUMBERS[evidence.document_type])
    return next((without_separators(value) for value in values if value), "")


def nik_of(values: Mapping[str, FieldValue]) -> str:
    """The holder's NIK: of a tax card the printed one, else the new number where that is a NIK; empty without one."""
    read = (values[name].value or "" for name in ("nik", "npwp16") if name in values)
    plain = (without_separators(value) for value in read)
    return next((nik for nik in plain if is_nik(nik) and not nik.startswith(OLD_ONE)), "")


def _number(evidence: Evidence) -> Outcome:
    """Every number of the card that was read: an NPWP may print the old and the new one."""
    read = [evidence.values[name] for name in NUMBERS[evidence.document_type] if evidence.value(name)]
    if not read:
        return Outcome.failed
    doubted = [name for name in NUMBERS[evidence.document_type] if evidence.stands(name) and not evidence.value(name)]
    return as_outcome(True if all(field.confidence >= SURE for field in read) and not doubted else None)


def _possible(evidence: Evidence) -> Outcome:
    """Sixteen digits that nobody can have are a proposal and no value, so what stands there is looked at too."""
    if not all(could_be_nik(nik, today=evidence.today) for nik in _niks_read(evidence)):
        return Outcome.failed
    return as_outcome(True if number_of(evidence) else None)


def _niks_read(evidence: Evidence) -> list[str]:
    """Every NIK of the card as it was read, as a value or only as it stands. "0" begins an old NPWP's new form."""
    fields = (evidence.values[name] for name in ("nik", "npwp16") if name in evidence.values)
    read = [field.value or (field.raw if is_exact(field.raw, NIK_DIGITS) else "") for field in fields]
    plain = [without_separators(text) for text in read]
    own = evidence.document_type == "KTP"
    return [nik for nik in plain if is_nik(nik) and (own or not nik.startswith(OLD_ONE))]


def _serial(evidence: Evidence) -> Outcome:
    if any(nik.endswith(NO_SERIAL) for nik in _niks_read(evidence)):
        return Outcome.failed
    return as_outcome(True if nik_of(evidence.values) else None)


def _parts(evidence: Evidence) -> NikParts | None:
    nik = nik_of(evidence.values)
    return read_nik(nik, today=evidence.today) if nik else None


def _birth_date(evidence: Evidence) -> Outcome:
    nik, born = nik_of(evidence.values), evidence.day("birthDate")
    if not nik or born is None:
        return Outcome.unknown
    return as_outcome(born in births_of(nik, today=evidence.today))


def _sex(evidence: Evidence) -> Outcome:
    parts, gender = _parts(evidence), evidence.value("gender")
    if parts is None or parts.woman is None or gender is None:
        return Outcome.unknown
    return as_outcome(parts.woman == (gender == "PEREMPUAN"))


def _region_match(evidence: Evidence) -> RegionMatch | None:
    parts = _parts(evidence)
    if parts is None:
        return None
    province, regency, district = (evidence.value(name) for name in ("province", "regency", "district"))
    return compare(parts, province=province, regency=regency, district=district)


def _region_code(evidence: Evidence) -> Outcome:
    """Asked of the register itself: of a card without a readable region the comparison says nothing."""
    parts = _parts(evidence)
    if parts is None:
        return Outcome.unknown
    districts = district_codes(parts.regency_code)
    return as_outcome(bool(regency_names(parts.regency_code)) and (parts.district_code in districts or not districts))


def _region(evidence: Evidence) -> Outcome:
    """Only the district tells that all six digits are right; with less nobody knows."""
    match = _region_match(evidence)
    if match is None or match.verdict in ("unread", "code_unknown"):
        return Outcome.unknown
    if match.verdict != "same":
        return Outcome.failed
    return Outcome.passed if match.district == "same" else Outcome.unknown


def _npwp_structure(evidence: Evidence) -> Outcome:
    """Of every number that the card has: fifteen digits, "0" and those fifteen, or the NIK of a resident."""
    numbers = [without_separators(evidence.value(name) or "") for name in ("npwpNumber", "npwp16")]
    held = [_structure_holds(number, evidence) for number in numbers if number]
    return as_outcome(all(held) if held else None)


def _structure_holds(number: str, evidence: Evidence) -> bool:
    """Zeros satisfy the check digit too; they stand in forms for "has none"."""
    old = number[1:] if number.startswith(OLD_ONE) and len(number) > NPWP15_DIGITS else number
    if len(old) == NPWP15_DIGITS:
        return luhn_holds(old) and bool(old[:LUHN_DIGITS].strip("0"))
    return is_nik(number) and could_be_nik(number, today=evidence.today)


def _npwp_numbers_agree(evidence: Evidence) -> Outcome | None:
    """Where the card prints more than one. A new number that begins with 0 is the old one, any other is the NIK: a
    resident's old number has nothing to do with it.
    """
    old, new, nik = (without_separators(evidence.value(name) or "") for name in ("npwpNumber", "npwp16", "nik"))
    other = f"{OLD_ONE}{old}" if old and new.startswith(OLD_ONE) else "" if new.startswith(OLD_ONE) else nik
    return as_outcome(new == other) if new and other else None


CHECKS = one_of(
    Check(
        "number",
        _number,
        Text("Nomor terbaca dengan pasti.", "The number was read with certainty."),
        Text("Nomor tidak terbaca.", "The number could not be read."),
        Text("Nomor terbaca, tetapi tidak pasti.", "The number was read, but not with certainty."),
        ALL_NUMBERS,
        "number_unreadable",
        "house rule: a guessed number is never approved",
    ),
    Check(
        "number_possible",
        _possible,
        Text("Nomor seperti ini mungkin diterbitkan.", "Such a number can have been issued."),
        Text(
            "Nomor seperti ini tidak mungkin diterbitkan: provinsi, tanggal, atau nomor urutnya tidak mungkin.",
            "No such number can have been issued: its province, date or serial can't be.",
        ),
        Text("Tidak ada nomor utuh untuk diperiksa.", "There is no whole number to look at."),
        ALL_NUMBERS,
        "details_unclear",
        "law: PP 37/2007 art. 37 (1), structure of a NIK; provinces by register",
    ),
    Check(
        "serial",
        _serial,
        Text("Nomor urut NIK 0001 atau lebih.", "The NIK's serial is 0001 or more."),
        Text("Nomor urut NIK 0000 tidak pernah diterbitkan.", "A NIK's serial is never 0000."),
        Text("Nomor urut NIK tidak terbaca.", "The NIK's serial was not read."),
        ("nik",),
        "details_unclear",
        "observation: offices of Dukcapil say that serials count from 0001; PP 37/2007 art. 37 (1) c does not",
    ),
    Check(
        "birth_date",
        _birth_date,
        Text("Tanggal lahir sesuai dengan NIK.", "The birth date agrees with the NIK."),
        Text("Tanggal lahir tidak sesuai dengan NIK.", "The birth date is not the one in the NIK."),
        Text(
            "Tanggal lahir tidak dapat dibandingkan dengan NIK.", "The birth date could not be compared with the NIK."
        ),
        ("nik", "birthDate"),
        "details_unclear",
        "law: PP 37/2007 art. 37 (1) b, digits 7 to 12; a date corrected later leaves the NIK as it was",
    ),
    Check(
        "sex",
        _sex,
        Text("Jenis kelamin sesuai dengan NIK.", "The sex agrees with the NIK."),
        Text("Jenis kelamin tidak sesuai dengan NIK.", "The sex is not the one in the NIK."),
        Text("Jenis kelamin tidak dapat dibandingkan dengan NIK.", "The sex could not be compared with the NIK."),
        ("nik", "gender"),
        "details_unclear",
        "law: PP 37/2007 art. 37 (1) b, 40 is added to a woman's day",
    ),
    Check(
        "region_code",
        _region_code,
        Text("Kode wilayah dalam NIK dikenal.", "The NIK's code of region is known."),
        Text(
            "Kode wilayah dalam NIK tidak ada di daftar yang kami kenal.",
            "The NIK's code of region is in none of the registers that we have.",
        ),
        Text("Kode wilayah dalam NIK tidak terbaca.", "The NIK's code of region was not read."),
        ("nik",),
        "details_unclear",
        "register: Kepmendagri 300.2.2-2138/2025 and one before it; older codes by observation, not complete",
    ),
    Check(
        "region",
        _region,
        Text("Wilayah pada kartu sesuai dengan NIK.", "The region on the card is the one in the NIK."),
        Text(
            "Wilayah pada kartu berbeda dari wilayah dalam NIK: pemegang mungkin pindah, atau nomornya diubah.",
            "The region on the card is not the one in the NIK: the holder may have moved, or a digit was altered.",
        ),
        Text(
            "Wilayah pada kartu tidak dapat dibandingkan dengan NIK.",
            "The region on the card could not be compared with the NIK.",
        ),
        ("nik", "province", "regency", "district"),
        "details_unclear",
        "law: PP 37/2007 art. 37 (1) a, digits 1 to 6 are where it was first issued and stay: a warning",
    ),
    Check(
        "npwp_structure",
        _npwp_structure,
        Text("Susunan nomor NPWP benar.", "The number is built as an NPWP is: its check digit holds, or it is a NIK."),
        Text(
            "Susunan nomor NPWP tidak benar: digit pemeriksanya salah, atau bukan NIK.",
            "The number is not built as an NPWP is: its check digit is wrong, or it is no NIK.",
        ),
        Text("Susunan nomor NPWP tidak dapat diperiksa.", "How the number is built could not be checked."),
        ("npwpNumber", "npwp16"),
        "details_unclear",
        "law: PMK 112/PMK.03/2022, 16 digits; the check digit is an observation, unverified",
    ),
    Check(
        "npwp_numbers_agree",
        _npwp_numbers_agree,
        Text("Nomor-nomor pada kartu saling sesuai.", "The numbers on the card agree with one another."),
        Text("Nomor-nomor pada kartu tidak saling sesuai.", "The numbers on the card do not agree."),
        Text("Nomor-nomor pada kartu tidak dapat dibandingkan.", "The numbers on the card could not be compared."),
        ("npwpNumber", "npwp16", "nik"),
        "details_unclear",
        "law: PMK 112/PMK.03/2022, the new number is the NIK, or 0 before the old one",
    ),
)
