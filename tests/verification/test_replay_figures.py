from typing import Any

from verification.bench_tables import as_text
from verification.replay_figures import DECISIONS, PEOPLE, Judgement, ReplayFigures, difference, matrix, wrong_words


def finding(code: str, outcome: str = "passed", points: int = 10, gate: bool = False) -> dict[str, Any]:
    return {"code": code, "outcome": outcome, "points": points, "gate": gate}


def judgement(*findings: dict[str, Any], reasons: tuple[str, ...] = ()) -> Judgement:
    return Judgement("needs_review", 50, findings, reasons)


def figures(*rows: tuple[str, str, str]) -> ReplayFigures:
    found = ReplayFigures()
    for then, now, person in rows:
        found.add(then, now, person)
    return found


def test_checks_that_came_out_or_weigh_otherwise_are_the_difference() -> None:
    then = judgement(finding("number"), finding("sex"), finding("region"), finding("old"))
    now = judgement(finding("number"), finding("sex", gate=True), finding("region", points=12), finding("new"))
    assert difference(then, now) == ["new", "old", "region", "sex"]


def test_equal_findings_differ_in_nothing() -> None:
    then = judgement(finding("number"), reasons=("a",))
    assert difference(then, judgement(finding("number"), reasons=("b",))) == []


def test_against_the_baseline_it_is_what_speaks_against_the_card_in_one_of_the_two_only() -> None:
    baseline = judgement(reasons=("name_missing", "score_undecided"))
    standard = judgement(finding("number"), finding("sex", "failed"), finding("name", "unknown", gate=True))
    assert difference(baseline, standard) == ["name", "name_missing", "sex"]
    assert difference(standard, baseline) == ["name", "name_missing", "sex"]
    assert difference(judgement(reasons=("complete", "score_approves")), judgement(finding("number"))) == []


def test_every_document_is_counted_once_then_and_now() -> None:
    found = figures(
        ("auto_approve", "auto_approve", "auto_approve"),
        ("auto_approve", "needs_review", "auto_approve"),
        ("needs_review", "auto_approve", "needs_review"),
    )
    assert (found.judged, found.changed, found.by_people.total()) == (3, 2, 0)
    text = as_text(matrix("t", "then", found.moves, DECISIONS))
    assert [line.split() for line in text.splitlines()[2:5]] == [
        ["auto_approve", "1", "(33.3", "%)", "1", "(33.3", "%)", "-"],
        ["needs_review", "1", "(33.3", "%)", "-", "-"],
        ["auto_reject", "-", "-", "-"],
    ]


def test_wrong_is_what_the_policy_would_decide_alone_and_people_decided_otherwise() -> None:
    found = figures(
        ("needs_review", "auto_approve", "approved"),
        ("needs_review", "auto_approve", "approved"),
        ("needs_review", "auto_approve", "rejected"),
        ("needs_review", "auto_reject", "approved"),
        ("needs_review", "auto_reject", "rejected"),
        ("needs_review", "needs_review", "rejected"),
    )
    assert (found.wrong_approvals.hits, found.wrong_approvals.of) == (1, 3)
    assert (found.wrong_rejections.hits, found.wrong_rejections.of) == (1, 2)
    assert wrong_words(found)[0].startswith("would approve, but a person rejected: 1 of 3, 33.3 % (")


def test_what_is_kept_for_programs_has_every_cell() -> None:
    found = figures(("needs_review", "auto_approve", "rejected"))
    found.troubles["erased"] += 2
    kept = found.as_json()
    assert kept["matrix"]["needs_review"] == {"auto_approve": 1, "needs_review": 0, "auto_reject": 0}
    assert set(kept["matrix"]) == set(DECISIONS)
    assert set(kept["byPeople"]) == set(PEOPLE)
    assert (kept["judged"], kept["changed"], kept["notJudged"]) == (1, 1, {"erased": 2})
    assert kept["wrongApprovals"] == {"hits": 1, "of": 1, "low": 0.20655, "high": 1.0}


def test_nothing_at_all_is_no_division_by_nothing() -> None:
    assert figures().as_json()["judged"] == 0
    assert "-" in as_text(matrix("t", "then", {}, DECISIONS))
    assert wrong_words(figures()) == [
        "would approve, but a person rejected: 0 of 0, -",
        "would reject, but a person approved: 0 of 0, -",
    ]
