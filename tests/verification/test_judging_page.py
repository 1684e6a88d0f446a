"""docs/judging.md says what code and data say."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from verification.checks import Outcome
from verification.policy import CHECKS, FOLDER, POLICIES
from verification.scoring import Thresholds

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "judging.md").read_text(encoding="utf-8")
DATA: Mapping[str, Mapping[str, Mapping[str, Any]]] = json.loads(
    (FOLDER / f"standard-{POLICIES['standard']}.json").read_text(encoding="utf-8")
)["checks"]
TYPES = sorted(DATA)


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(document_type: str) -> dict[str, list[str]]:
    """By the code of the check: the other cells of its row."""
    found: dict[str, list[str]] = {}
    for line in re.findall(r"^\| `.*$", section(document_type), re.MULTILINE):
        code, *cells = (cell.strip() for cell in line.strip("| ").split(" | "))
        assert code not in found
        found[code.strip("`")] = cells
    return found


def said(document_type: str, code: str) -> list[str]:
    """Source, points and gate as the page has to say them."""
    told = DATA[document_type][code]
    points = " / ".join(str(told.get(outcome, 0)) for outcome in Outcome)
    gate = ", ".join(told.get("gate", [])) or "-"
    return [CHECKS[code].source, points, f"{gate}; rejects" if told.get("rejects") else gate]


@pytest.mark.parametrize("document_type", TYPES)
def test_a_table_has_every_check_of_the_policy_in_its_order(document_type: str) -> None:
    assert list(rows(document_type)) == list(DATA[document_type])


def test_the_tables_together_have_every_check() -> None:
    assert {code for kind in TYPES for code in rows(kind)} == set(CHECKS)


@pytest.mark.parametrize("document_type", TYPES)
def test_sources_points_and_gates_are_those_of_code_and_data(document_type: str) -> None:
    found = {code: cells[1:4] for code, cells in rows(document_type).items()}
    assert found == {code: said(document_type, code) for code in DATA[document_type]}


@pytest.mark.parametrize("document_type", TYPES)
def test_every_check_has_its_question_and_its_why(document_type: str) -> None:
    for code, cells in rows(document_type).items():
        assert len(cells) == 5, code
        assert "?" in cells[0] and cells[4], code


def test_the_figures_of_the_text_are_those_of_the_policy() -> None:
    best = {
        kind: sum(max([0, *(told.get(each, 0) for each in Outcome)]) for told in DATA[kind].values()) for kind in TYPES
    }
    without = best["KTP"] - DATA["KTP"]["region"]["passed"]
    limits = Thresholds()
    assert f"A perfect card has {best['KTP']}." in PAGE
    assert f"the best sum is {without}." in PAGE
    assert without < limits.approve
    assert f"the upper threshold ({limits.approve})" in PAGE
    assert f"the lower threshold ({limits.reject})" in PAGE
    gates = {code for code, told in DATA["NPWP"].items() if told.get("passed", 0) and told.get("gate")}
    assert gates == {"number", "npwp_structure", "name", "kind"}
    assert f"are {sum(DATA['NPWP'][code]['passed'] for code in gates)} together" in PAGE


def test_the_page_names_the_version_in_force_and_commands_that_exist() -> None:
    assert f"Policy `standard` {POLICIES['standard']};" in PAGE
    named = set(re.findall(r"`manage\.py ([a-z_]+)", PAGE))
    assert len(named) >= 5
    assert named <= set(get_commands())


def test_the_page_is_short_enough_to_be_read() -> None:
    assert len(PAGE.splitlines()) <= 150
