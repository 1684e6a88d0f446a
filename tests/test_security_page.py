"""docs/security.md names tests that exist, for each of the requirements that it has to answer."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)
REQUIRED = [
    "5.1.1",
    "5.2.1",
    "5.2.2",
    "5.2.3",
    "5.2.4",
    "5.2.6",
    "5.3.1",
    "5.3.2",
    "5.4.1",
    "5.4.2",
    "5.4.3",
    "9.1.1",
    "9.1.2",
    "9.1.3",
    "9.2.1",
    "9.2.2",
    "9.2.3",
    "9.2.4",
    "14.2.6",
    "14.2.7",
    "14.2.8",
]


def names_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    assert len(NAMED) > 80
    missing = [f"{file}::{name}" for file, name in NAMED if not (TESTS / file).is_file() or name not in names_in(file)]
    assert missing == []


def test_every_claim_of_the_page_names_a_test() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| ") and not line.startswith(("| claim", "| requirement"))
    ]
    assert len(rows) > 40
    assert [row for row in rows if "::test_" not in row] == []


def test_every_requirement_has_its_row() -> None:
    answered = {number for row in re.findall(r"^\| ([\d., ]+) \|", PAGE, re.MULTILINE) for number in row.split(", ")}
    assert answered == set(REQUIRED)
