"""Checks of what else stands on a card."""

from __future__ import annotations

from datetime import date

from verification.checks import Check, Outcome, Text, as_outcome, one_of
from verification.dates import find_date
from verification.evidence import Evidence

SHORTEST_NAME, SHORTEST_ADDRESS = 3, 10  # letters, characters
YOUNGEST, OLDEST = 15, 117  # years: a KTP comes at 17, or earlier with a marriage; nobody living is older
YOUNGEST_AT_ISSUE = 15
ISSUED = {"KTP": "issuedDate", "NPWP": "registeredDate"}
LIKELY = 0.5  # confidence of a nationality: below it WNI and WNA, which differ by a letter, may be one another
LISTS = {
    "KTP": ("gender", "religion", "maritalStatus", "nationality"),
    "NPWP": (),
}
FOREIGNERS_END = "validUntil"
CITIZEN = "WNI"


def _name(evidence: Evidence) -> Outcome:
    name = evidence.value("name")
    if name is None or sum(character.isalpha() for character in name) < SHORTEST_NAME:
        return Outcome.failed
    return as_outcome(True if evidence.sure("name") else None)


def _address(evidence: Evidence) -> Outcome:
    address = evidence.value("address")
    return as_outcome(len(address) >= SHORTEST_ADDRESS if address else None)


def _age(evidence: Evidence) -> Outcome | None:
    """Of a tax card only the date: everybody may have a number."""
    born, issued = evidence.day("birthDate"), _issued(evidence)
    if issued and issued > evidence.today:
        return Outcome.failed
    if evidence.document_type != "KTP":
        if issued is None and not evidence.stands(ISSUED[evidence.document_type]) and not evidence.issues:
            return None  # a clear picture on which no such date stands
        return as_outcome(True if issued else None)
    if born is None:
        return Outcome.unknown
    if not YOUNGEST <= _years(born, evidence.today) <= OLDEST:
        return Outcome.failed
    return as_outcome(issued is None or _years(born, issued) >= YOUNGEST_AT_ISSUE)


def _issued(evidence: Evidence) -> date | None:
    """The day as it stands there: one after today is taken for a misreading and is no value, yet it may be printed."""
    name = ISSUED[evidence.document_type]
    found = find_date(evidence.values[name].raw) if evidence.stands(name) else None
    return evidence.day(name) or (date.fromisoformat(found.iso) if found and found.iso else None)


def _years(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _words(evidence: Evidence) -> Outcome | None:
    """A text in such a place that is no word of its list; a card on which none stands says nothing."""
    stand = [name for name in LISTS[evidence.document_type] if evidence.stands(name)]
    if not LISTS[evidence.document_type]:
        return None
    return as_outcome(all(evidence.value(name) for name in stand) if stand else None)


def _valid(evidence: Evidence) -> Outcome:
    """A citizen's card is valid for life, whatever end an older one prints; a foreigner's is not."""
    ends, country = evidence.day(FOREIGNERS_END), _country(evidence)
    if country == CITIZEN or (ends is None and evidence.value(FOREIGNERS_END)):
        return Outcome.passed
    if ends is None:
        return Outcome.unknown
    if ends >= evidence.today:
        return Outcome.passed
    return Outcome.failed if country else Outcome.unknown


def _country(evidence: Evidence) -> str | None:
    country = evidence.values.get("nationality")
    return country.value if country and country.confidence >= LIKELY else None


def _tax_office(evidence: Evidence) -> Outcome:
    return as_outcome(True if evidence.value("taxOffice") else None)


CHECKS = one_of(
    Check(
        "name",
        _name,
        Text("Nama terbaca dengan pasti.", "The name was read with certainty."),
        Text("Nama tidak terbaca, atau sangat pendek.", "The name could not be read, or is very short."),
        Text("Nama terbaca, tetapi tidak pasti.", "The name was read, but not with certainty."),
        ("name",),
        "name_unreadable",
        "house rule: a guessed name is never approved",
    ),
    Check(
        "address",
        _address,
        Text("Alamat terbaca.", "The address was read."),
        Text("Alamat sangat pendek.", "The address is very short."),
        Text("Alamat tidak terbaca.", "The address could not be read."),
        ("address",),
        "details_unclear",
        "house rule",
    ),
    Check(
        "age",
        _age,
        Text(
            "Usia pemegang dan tanggal terbit kartu masuk akal.",
            "The holder's age and the card's date of issue are plausible.",
        ),
        Text(
            "Usia pemegang, hari ini atau saat kartu diterbitkan, atau tanggal terbitnya tidak masuk akal.",
            "The holder's age, today or when the card was issued, or its date of issue is not plausible.",
        ),
        Text("Usia pemegang atau tanggal terbit kartu tidak diketahui.", "Age or date of issue are not known."),
        ("birthDate", "issuedDate", "registeredDate"),
        "details_unclear",
        "law: UU 24/2013 art. 63 (1), from 17 or once married; 15 and 117 are house bounds",
    ),
    Check(
        "words",
        _words,
        Text(
            "Agama, status, jenis kelamin, dan kewarganegaraan yang tertulis dikenal.",
            "What was read of religion, status, sex and nationality are known words.",
        ),
        Text(
            "Agama, status, jenis kelamin, atau kewarganegaraan bukan kata yang dikenal.",
            "Religion, status, sex or nationality is no word of its list.",
        ),
        Text("Tidak ada kata tetap yang terbaca.", "No word of a closed list was read."),
        LISTS["KTP"],
        "details_unclear",
        "law: UU 24/2013 art. 64 (1), what a KTP says; spellings by observation",
    ),
    Check(
        "valid",
        _valid,
        Text("Kartu masih berlaku.", "The card is valid."),
        Text("Kartu orang asing ini sudah tidak berlaku.", "This card of a foreigner has expired."),
        Text("Masa berlaku kartu tidak diketahui.", "Whether the card is still valid is not known."),
        ("nationality", "validUntil"),
        "card_expired",
        "law: UU 24/2013 art. 64 (7), 101 c: citizens' cards for life, older ones too; foreigners' as their permit",
        "details_unclear",
    ),
    Check(
        "tax_office",
        _tax_office,
        Text("Kantor pajak terbaca.", "The tax office was read."),
        Text("Kantor pajak tidak terbaca.", "The tax office could not be read."),
        Text("Kantor pajak tidak terbaca.", "The tax office could not be read."),
        ("taxOffice",),
        "",
        "house rule",
    ),
)
