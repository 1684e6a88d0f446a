"""The figures of decisions as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from verification.bench_tables import ALL_LEVELS, Table, percent
from verification.decision_bench import Judged, Outcome, of_truth, share

ByPolicy = Mapping[str, Sequence[Judged]]
APART = (
    "Apart, not among the wrong approvals: numbers altered where nothing on the card tells it. The serial of a NIK has "
    "no check digit, nor have the office and branch of an old NPWP. Only what is known besides tells them: what the "
    "applicant declares, the owner's other card, the same picture with another number, a register"
)
WRONG = {"faulty": "wrong approval", "honest": "wrong rejection"}
MOST_LISTED = 60
SCORE_ALONE = "(score)"  # beside the checks that took points where none forbids


def all_tables(judged: ByPolicy) -> list[Table]:
    honest = {policy: of_truth(cards, "honest") for policy, cards in judged.items()}
    faulty = {policy: of_truth(cards, "faulty") for policy, cards in judged.items()}
    apart = {policy: of_truth(cards, "apart") for policy, cards in judged.items()}
    return [
        honest_table("Honest cards, by level", honest, "level"),
        honest_table("Honest cards, by what was sent", honest, "group"),
        faulty_table("Faulty cards, by level", faulty, "level"),
        faulty_table("Faulty cards, by fault", faulty, "group"),
        apart_table(apart),
        *(stopped_table(policy, cards) for policy, cards in honest.items()),
        wrong_table(judged),
    ]


def honest_table(title: str, judged: ByPolicy, by: str) -> Table:
    columns = [by, "policy", "cards", "approved", "to a person", "wrong rejections", "unreadable, rejected"]
    rows = [
        [
            *(row, policy, str(len(cards)), _percent(cards, "approved"), *_hits(cards, "person")),
            *(_percent(cards, "rejected"), *_hits(cards, "unreadable")),
        ]
        for row, policy, cards in _rows(judged, by)
    ]
    return title, columns, rows


def faulty_table(title: str, judged: ByPolicy, by: str) -> Table:
    columns = [by, "policy", "cards", "wrong approvals", "to a person", "rejected"]
    rows = [
        [row, policy, str(len(cards)), _percent(cards, "approved"), *_hits(cards, "person", "rejected")]
        for row, policy, cards in _rows(judged, by)
    ]
    return title, columns, rows


def apart_table(judged: ByPolicy) -> Table:
    columns = ["fault", "policy", "cards", "approved", "to a person"]
    rows = [
        [row, policy, str(len(cards)), *_hits(cards, "approved", "person")]
        for row, policy, cards in _rows(judged, "group")
    ]
    return APART, columns, rows


def stopped_table(policy: str, honest: Sequence[Judged]) -> Table:
    """Each check with the honest cards whose approval it forbade, and how often it was the only one; below them the
    cards that lacked points alone, by what took them.
    """
    levels = list(dict.fromkeys(card.level for card in honest))
    columns = ["check", *levels, ALL_LEVELS, "the only one"]
    stopped = [card for card in honest if card.stopped]
    rows = _stopped_rows("", [card for card in stopped if card.gated], levels)
    rows += _stopped_rows(f"{SCORE_ALONE} ", [card for card in stopped if not card.gated], levels)
    return f"{policy}: what stopped {len(stopped)} of {len(honest)} honest cards", columns, rows


def _stopped_rows(mark: str, cards: Sequence[Judged], levels: Sequence[str]) -> list[list[str]]:
    counted = Counter((code, card.level) for card in cards for code in card.stopped)
    alone = Counter(card.stopped[0] for card in cards if len(card.stopped) == 1)
    totals = Counter(code for card in cards for code in card.stopped)
    return [
        [f"{mark}{code}", *(str(counted[code, level]) for level in levels), str(total), str(alone[code])]
        for code, total in totals.most_common()
    ]


def wrong_table(judged: ByPolicy) -> Table:
    """Each by its file, of every policy so many at most; --json has them all."""
    rows = []
    for policy, cards in judged.items():
        listed = wrong(cards)
        rows += [
            [policy, WRONG[card.truth], card.file, card.fault or card.group, str(card.score)]
            for card in listed[:MOST_LISTED]
        ]
        if len(listed) > MOST_LISTED:
            rows.append([policy, f"{len(listed) - MOST_LISTED} more", "", "", ""])
    return "Wrong decisions", ["policy", "decision", "file", "what it is", "score"], rows


def wrong(cards: Iterable[Judged]) -> list[Judged]:
    bad = {("faulty", "approved"), ("honest", "rejected")}  # a rejection of what nobody can read is none
    return [card for card in cards if (card.truth, card.outcome) in bad]


def _percent(cards: Sequence[Judged], outcome: Outcome) -> str:
    return percent(share(cards, outcome))


def _hits(cards: Sequence[Judged], *outcomes: Outcome) -> list[str]:
    return [str(share(cards, outcome).hits) for outcome in outcomes]


def _rows(judged: ByPolicy, by: str) -> list[tuple[str, str, list[Judged]]]:
    """Each value of a column in the order of the cards, policies side by side, and all of them last."""
    values = list(dict.fromkeys(getattr(card, by) for cards in judged.values() for card in cards))
    rows = [
        (value, policy, [card for card in cards if getattr(card, by) == value])
        for value in values
        for policy, cards in judged.items()
    ]
    return rows + [(ALL_LEVELS, policy, list(cards)) for policy, cards in judged.items() if len(values) > 1]
