"""Checks against what is known besides the card: other documents, the owner's other card, what the client declared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from verification.checks import NOT_ASKED, Check, Outcome, Text, as_outcome, one_of
from verification.evidence import Agreement, Evidence
from verification.identity_numbers import without_separators
from verification.nik import NIK_DIGITS, births_of
from verification.number_checks import ALL_NUMBERS, OLD_ONE, nik_of, number_of
from verification.person_names import OTHER, SAME, alike

OUTCOMES = {"agrees": Outcome.passed, "differs": Outcome.failed, "unclear": Outcome.unknown}


def _none_of(name: str, *, of_number: bool = False) -> Callable[[Evidence], Outcome]:
    """A check that passes where nothing of the kind is known; without a number nobody can know of that number."""

    def look(evidence: Evidence) -> Outcome:
        if getattr(evidence.known, name):
            return Outcome.failed
        return as_outcome(None if of_number and not number_of(evidence) else True)

    return look


def _agreed(name: str) -> Callable[[Evidence], Outcome | None]:
    def look(evidence: Evidence) -> Outcome | None:
        agreement: Agreement | None = getattr(evidence.known, name)
        return OUTCOMES[agreement] if agreement else None

    return look


def names_agree(name: str, other: str) -> Agreement:
    likeness = alike(name, other)
    return "agrees" if likeness >= SAME else "differs" if likeness < OTHER else "unclear"


def _declared_number(evidence: Evidence) -> Outcome | None:
    """Every number that was declared and that such a card can show, against those that were read."""
    applicant = evidence.applicant
    declared = [applicant.nik] if evidence.document_type == "KTP" else [applicant.npwp, applicant.nik]
    told = {without_separators(number).zfill(NIK_DIGITS) for number in declared if number}
    if not told:
        return None
    values = (evidence.value(name) for name in ALL_NUMBERS)
    read = {without_separators(value).zfill(NIK_DIGITS) for value in values if value}
    outcomes = {_same_form(number, read) for number in told}
    return next((each for each in (Outcome.failed, Outcome.passed) if each in outcomes), Outcome.unknown)


def _same_form(declared: str, read: set[str]) -> Outcome:
    """An old NPWP ("0" and fifteen digits) says nothing of a NIK, nor a NIK of it."""
    alike = {number for number in read if number.startswith(OLD_ONE) == declared.startswith(OLD_ONE)}
    return as_outcome(declared in alike if alike else None)


def _declared_name(evidence: Evidence) -> Outcome | None:
    declared, name = evidence.applicant.name, evidence.value("name")
    if not declared:
        return None
    return OUTCOMES[names_agree(declared, name)] if name else Outcome.unknown


def _declared_birth_date(evidence: Evidence) -> Outcome | None:
    """Against the date on the card, or on a tax card the one in its NIK."""
    if not evidence.applicant.birth_date:
        return None
    declared, printed = date.fromisoformat(evidence.applicant.birth_date), evidence.day("birthDate")
    if printed:
        return as_outcome(declared == printed)
    nik = nik_of(evidence.values)
    return as_outcome(declared in births_of(nik, today=evidence.today) if nik else None)


CHECKS = one_of(
    Check(
        "number_elsewhere",
        _none_of("number_elsewhere", of_number=True),
        Text("Nomor ini tidak ada pada pemilik lain.", "Nobody else has sent this number."),
        Text("Pemilik lain telah mengirim nomor yang sama.", "Another owner has sent the same number."),
        NOT_ASKED,
        ("nik", "npwpNumber", "npwp16"),
        source="house rule",
    ),
    Check(
        "file_elsewhere",
        _none_of("file_elsewhere"),
        Text("Berkas ini tidak ada pada pemilik lain.", "Nobody else has sent this file."),
        Text("Pemilik lain telah mengirim berkas yang sama persis.", "Another owner has sent the very same file."),
        NOT_ASKED,
        source="house rule",
    ),
    Check(
        "picture_elsewhere",
        _none_of("picture_elsewhere"),
        Text("Gambar ini tidak ada pada pemilik lain.", "Nobody else has sent this picture."),
        Text("Pemilik lain telah mengirim gambar yang hampir sama.", "Another owner has sent nearly the same picture."),
        NOT_ASKED,
        source="house rule: the same by its fingerprint (ocr_gpu.fingerprint), not by its bytes",
    ),
    Check(
        "picture_altered",
        _none_of("picture_with_other_number", of_number=True),
        Text("Gambar ini tidak ada dengan nomor lain.", "This picture is not known with another number on it."),
        Text(
            "Gambar yang hampir sama sudah ada dengan nomor lain: salah satunya mungkin diubah.",
            "Nearly the same picture is known with another number on it: one of them may be altered.",
        ),
        NOT_ASKED,
        ("nik", "npwpNumber", "npwp16"),
        source="house rule: the same by its fingerprint (ocr_gpu.fingerprint), not by its bytes",
    ),
    Check(
        "number_other_name",
        _none_of("number_with_other_name", of_number=True),
        Text("Nomor ini tidak ada dengan nama lain.", "This number is not known under another name."),
        Text("Nomor ini sudah ada dengan nama lain.", "This number is known under another name."),
        NOT_ASKED,
        ("nik", "npwpNumber", "npwp16", "name"),
        source="house rule: names word by word",
    ),
    Check(
        "rejected_before",
        _none_of("number_rejected", of_number=True),
        Text("Nomor ini belum pernah ditolak.", "No document with this number was rejected by a person."),
        Text("Dokumen dengan nomor ini pernah ditolak petugas.", "A person rejected a document with this number."),
        NOT_ASKED,
        ("nik", "npwpNumber", "npwp16"),
        source="house rule",
    ),
    Check(
        "sent_before",
        _none_of("sent_before"),
        Text("Pemilik belum pernah mengirim dokumen ini.", "The owner has not sent this document before."),
        Text("Pemilik pernah mengirim dokumen ini.", "The owner has sent this document before."),
        NOT_ASKED,
        source="house rule: told, and no fault",
    ),
    Check(
        "name_other_number",
        _none_of("name_with_other_number"),
        Text(
            "Pemilik tidak pernah mengirim nama ini dengan nomor lain.",
            "The owner has not sent this name with another number.",
        ),
        Text(
            "Pemilik pernah mengirim nama yang sama dengan nomor lain: salah satunya mungkin diubah.",
            "The owner has sent the same name with another number: one of them may be altered.",
        ),
        NOT_ASKED,
        ("nik", "npwpNumber", "npwp16", "name"),
        source="house rule: names word by word",
    ),
    Check(
        "one_number",
        _none_of("numbers_of_owner"),
        Text("Pemilik mengirim satu nomor saja.", "The owner has sent one number only."),
        Text(
            "Pemilik pernah mengirim kartu bernomor lain: kartu orang lain, atau akun bersama.",
            "The owner has sent cards with other numbers: somebody else's, or the account is shared.",
        ),
        NOT_ASKED,
        source="house rule: a warning, for accounts may be shared",
    ),
    Check(
        "other_card_number",
        _agreed("other_card_number"),
        Text("NIK sesuai dengan kartu lain milik pemilik.", "The NIK is the one on the owner's other card."),
        Text("NIK berbeda dengan kartu lain milik pemilik.", "The NIK is not the one on the owner's other card."),
        Text(
            "NIK kartu lain milik pemilik tidak dapat dibandingkan.", "The owner's other card shows no NIK to compare."
        ),
        ("nik", "npwp16"),
        source="house rule",
    ),
    Check(
        "other_card_name",
        _agreed("other_card_name"),
        Text("Nama sesuai dengan kartu lain milik pemilik.", "The name is the one on the owner's other card."),
        Text("Nama berbeda dengan kartu lain milik pemilik.", "The name is not the one on the owner's other card."),
        Text(
            "Nama pada kartu lain milik pemilik mirip, tetapi belum tentu sama.",
            "The name on the owner's other card is alike, but may not be the same.",
        ),
        ("name",),
        source="house rule: names word by word",
    ),
    Check(
        "declared_number",
        _declared_number,
        Text("Nomor sesuai dengan data pemohon.", "The number is the one that was declared."),
        Text("Nomor berbeda dari data pemohon.", "The number is not the one that was declared."),
        Text(
            "Nomor tidak dapat dibandingkan dengan data pemohon.",
            "The number could not be compared with what was declared.",
        ),
        ("nik", "npwpNumber", "npwp16"),
        "details_differ",
        "house rule",
        "details_unclear",
    ),
    Check(
        "declared_name",
        _declared_name,
        Text("Nama sesuai dengan data pemohon.", "The name is the one that was declared."),
        Text("Nama berbeda dari data pemohon.", "The name is not the one that was declared."),
        Text(
            "Nama belum dapat dipastikan sama dengan data pemohon.",
            "Whether the name is the one that was declared can't be told.",
        ),
        ("name",),
        "details_differ",
        "house rule: names word by word",
        "details_unclear",
    ),
    Check(
        "declared_birth_date",
        _declared_birth_date,
        Text("Tanggal lahir sesuai dengan data pemohon.", "The birth date is the one that was declared."),
        Text("Tanggal lahir berbeda dari data pemohon.", "The birth date is not the one that was declared."),
        Text(
            "Tanggal lahir tidak dapat dibandingkan dengan data pemohon.",
            "The birth date could not be compared with what was declared.",
        ),
        ("birthDate", "nik"),
        "details_differ",
        "house rule",
        "details_unclear",
    ),
)
