"""Whether two names mean one person: written in full or cut short, with titles or without, misread by a letter.

Word by word, for a mean over letters makes brothers of one: "AGUS SIMANJUNTAK" is nearly all of "ADI SIMANJUNTAK". One
word that has no counterpart makes two people. Only what OCR and spelling are known to do to a word leaves it the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from verification.labels import distance, folded

SAME, OTHER = 0.82, 0.6  # of likeness: from the first on one person, below the second another; between, nobody can say
EQUAL, MISREAD, DROPPED, CUT, NEAR, NONE = 1.0, 0.92, 0.85, 0.85, 0.7, 0.0  # likeness of two words
PERHAPS = 0.75  # the most of names of which one may be a part of the other, and no more is known
BEFORE = frozenset(("H", "HJ", "KH", "DR", "DRS", "DRA", "DRG", "IR", "PROF", "TN", "NY", "SDR", "SDRI", "ALM", "ALMH"))
BEHIND = frozenset((
    "SH", "SE", "ST", "SPD", "SPDI", "SPT", "SP", "SIP", "SIK", "SKM", "SKED", "SKEP", "SKOM", "SSOS", "SSI", "SAG",
    "SST", "SPSI", "SFARM", "SHUM", "MH", "MM", "MT", "MSI", "MPD", "MKOM", "MAG", "MBA", "MKN", "MSC", "MKES", "MAP",
    "AMD", "AMK", "BA", "BSC", "PHD", "NERS", "APT", "ALM", "ALMH",
))  # fmt: skip
SHORT_FORMS = {
    "MUH": "MUHAMMAD", "MUHAMAD": "MUHAMMAD", "MOHAMAD": "MUHAMMAD", "MOHAMMAD": "MUHAMMAD", "MOH": "MUHAMMAD",
    "MOCH": "MUHAMMAD", "MOCHAMAD": "MUHAMMAD", "MOCHAMMAD": "MUHAMMAD", "MHD": "MUHAMMAD", "MUCH": "MUHAMMAD",
    "MUCHAMMAD": "MUHAMMAD", "MUCHAMAD": "MUHAMMAD", "MOHD": "MUHAMMAD", "MUHD": "MUHAMMAD", "ABD": "ABDUL",
    "ABDOEL": "ABDUL", "SY": "SYARIF", "TGK": "TEUNGKU", "RR": "RADEN", "RD": "RADEN", "RADEN": "RADEN",
}  # fmt: skip
AT_FIRST = {"ST": "SITI", "STI": "SITI"}  # behind a name "ST" is a title
SHARED = frozenset((
    "MUHAMMAD", "AHMAD", "ABDUL", "SITI", "NUR", "NI", "I", "IDA", "AYU", "BAGUS", "GUSTI", "ANAK", "AGUNG", "DEWA",
    "WAYAN", "PUTU", "GEDE", "MADE", "KADEK", "NYOMAN", "KOMANG", "KETUT", "LUH", "DWI", "TRI", "SRI", "RADEN", "BIN",
    "BINTI", "EKA",
))  # fmt: skip  # words that thousands share: alone they tell nobody
FIRMS = frozenset(("PT", "CV", "UD", "PD", "FA", "FIRMA", "KOPERASI", "YAYASAN", "PERUM", "TBK", "PERSERO"))
SPELLINGS = (("OE", "U"), ("DJ", "J"), ("TJ", "C"), ("KH", "H"), ("CH", "H"), ("SJ", "S"), ("SY", "S"), ("Y", "I"))
_MISREAD = ("MN", "HN", "UV", "VW", "CG", "CO", "DO", "EF", "FP", "GO", "KX", "SZ")
CONFUSED = frozenset(pair for both in _MISREAD for pair in (both, both[::-1]))
LETTERS_PER_MISREAD = 4
LONG_WORD = 9  # letters: so long a word may lack one within
NEAR_FROM, TWO_FROM = 4, 8  # letters from which a word with one other letter, or two, may be the same
CUT_FROM = 5  # letters of a last word that are left where the line ended
_DOUBLE = re.compile(r"(.)\1+")
_DOTTED = re.compile(r"[A-Z]{1,5}(?:\.[A-Z]{1,5})+\.?|[A-Z]{1,5}\.")
Words = Sequence[str]


def alike(name: str, other: str) -> float:
    """0..1: how far two names are one, by their worst word. The words of the shorter are sought in the longer.

    What the longer has more costs a little: "SITI AMINAH" may be "SITI AMINAH LUBIS". Firms agree in every word or not.
    """
    one, two = sorted((_words(name), _words(other)), key=_length)
    if not one or not two:
        return 0.0
    if "".join(map(_spelt, one)) == "".join(map(_spelt, two)):
        return 1.0
    one, two = _parted_alike(one, two), _parted_alike(two, one)
    one, two = sorted((one, two), key=_length)
    pairs, left = _paired(one, two)
    worst = min(likeness for _, likeness in pairs)
    if worst == NONE:
        return 0.5 * sum(len(word) * likeness for word, likeness in pairs) / sum(map(len, one))
    if not left:
        return worst
    if FIRMS & {*one, *two}:
        return min(worst, PERHAPS)
    telling = [word for word, likeness in pairs if likeness > NEAR and len(word) > 1 and word not in SHARED]
    worst -= 0.02 * min(len(left), 3)
    return worst if len(pairs) > 1 and telling else min(worst, PERHAPS)


def _length(words: Words) -> tuple[int, int, Words]:
    """The words too: else which of two names comes first could change what is said of them."""
    return len(words), sum(map(len, words)), words


def _words(name: str) -> list[str]:
    """In capitals, without titles. A firm's form is one of its words, wherever it stands."""
    plain, _, behind = name.upper().replace("'", "").replace("’", "").replace("`", "").partition(",")
    kept = [word for part in re.split(r"[\s\-/()]+", plain) for word in _taken_apart(part) if _spelt(word)]
    form = behind.replace(".", "").strip()
    kept += [form] if form in FIRMS else []
    bare = list(kept)
    while bare and bare[0] in BEFORE:
        del bare[0]
    while len(bare) > 1 and bare[-1] in BEHIND:
        del bare[-1]
    words = bare or kept
    if words:
        words[0] = AT_FIRST.get(words[0], words[0])
    return [SHORT_FORMS.get(word, word) for word in words]


def _taken_apart(part: str) -> list[str]:
    """ "S.H." is a title, "H.ADI" two words, "A.R." two initials."""
    joined = part.replace(".", "")
    if _DOTTED.fullmatch(part) and joined in BEHIND | BEFORE:
        return [joined]
    return part.split(".")


def _parted_alike(words: Words, other: Words) -> list[str]:
    """Two words that the other name writes as one are one."""
    known = {_spelt(word) for word in other}
    joined: list[str] = []
    for word in words:
        if joined and _spelt(joined[-1] + word) in known and _spelt(word) not in known:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _paired(one: Words, two: Words) -> tuple[list[tuple[str, float]], list[str]]:
    """Each word of the shorter with its best likeness, the surest first served; and what the longer has left."""
    left, waiting = list(two), list(one)
    pairs: list[tuple[str, float]] = []
    while waiting:
        rated = [
            (_word_likeness(word, rival, last=word == one[-1] or rival == two[-1]), -at, -place)
            for at, word in enumerate(waiting)
            for place, rival in enumerate(left)
        ]
        likeness, at, place = max(rated)
        pairs.append((waiting.pop(-at), likeness))
        if likeness > NONE:
            del left[-place]
    return pairs, left


def _word_likeness(word: str, other: str, *, last: bool) -> float:
    """An initial stands for a word that begins with it, save the "I" of Bali."""
    one, two = sorted((_spelt(word), _spelt(other)), key=len)
    if one == two:
        return EQUAL
    if len(one) == 1:
        return CUT if two.startswith(one) and "I" not in (word, other) else NONE
    if len(one) == len(two):
        wrong = [a + b for a, b in zip(one, two, strict=True) if a != b]
        if all(pair in CONFUSED for pair in wrong) and len(wrong) * LETTERS_PER_MISREAD <= len(one):
            return MISREAD
    edits = distance(one, two)
    if edits == 1 and len(one) + 1 == len(two) >= LONG_WORD and (one[0], one[-1]) == (two[0], two[-1]):
        return DROPPED
    if last and len(one) >= CUT_FROM and two.startswith(one):
        return NEAR
    near = 2 if len(one) >= TWO_FROM else 1 if len(one) >= NEAR_FROM else 0
    return NEAR if edits <= near else NONE


def _spelt(word: str) -> str:
    """Old and new spellings, doubled letters and digits taken for letters made one; a number stays itself."""
    letters = word if word.isdigit() else folded(word)
    for old, new in SPELLINGS:
        letters = letters.replace(old, new)
    return _DOUBLE.sub(r"\1", letters)
