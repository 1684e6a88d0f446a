"""Policies as data: what a file may say, and that a released one stays as it is."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.verification.judged import card
from verification.checks import Outcome
from verification.client_reasons import CLIENT_REASONS
from verification.policy import CHECKS, FOLDER, POLICIES, load_policy, policy_of
from verification.scoring import Thresholds

PASSED, FAILED = Outcome.passed, Outcome.failed
# A released file is not edited: runs are judged by it again. Before its release this is the line to bring up to date:
# sha256sum verification/policies/*.json
RELEASED = {
    "standard-1.json": "f6f7fe19af0cbf266817379665df938ce956d97e6fba93db82317a35b4516214",
}
GOOD = {"name": "trial", "version": "7", "checks": {"KTP": {"number": {"passed": 60}, "name": {"passed": 40}}}}


def test_a_released_policy_is_not_edited() -> None:
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.json")}
    assert digests == RELEASED


def test_every_file_is_a_policy_by_its_name_and_version() -> None:
    for path in FOLDER.glob("*.json"):
        name, _, version = path.stem.rpartition("-")
        policy = load_policy(f"{name}@{version}")
        assert (name, version) == (policy.NAME, policy.VERSION)
        assert name in POLICIES


def test_every_policy_of_the_table_has_its_present_version() -> None:
    for name, version in POLICIES.items():
        assert load_policy(name).VERSION == load_policy(f"{name}@{version}").VERSION == version


@pytest.mark.parametrize("name", ["other", "standard@99", "standard@1/../standard-1", "standard@../x", "", "@1"])
def test_a_name_or_version_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"no policy called|no version"):
        load_policy(name)


def test_a_document_type_without_points_is_an_error() -> None:
    with pytest.raises(ValueError, match="PASSPORT"):
        load_policy("standard").judge(replace(card(), document_type="PASSPORT"), Thresholds())


def test_a_policy_is_what_its_data_says() -> None:
    policy = policy_of(GOOD)
    assert (policy.NAME, policy.VERSION) == ("trial", "7")
    assert policy.judge(card(), Thresholds()).points == {"number": 60, "name": 40}


@pytest.mark.parametrize(
    ("check", "told", "wrong"),
    [
        ("colour", {"passed": 1}, "no check called 'colour'"),
        ("number", {"pass": 1}, "no outcome called pass"),
        ("number", {"passed": 1, "gates": ["failed"]}, "no outcome called gates"),
        ("number", {"passed": 1, "gate": ["fails"]}, "fails"),
        ("number", {"passed": 1.5}, "whole numbers"),
        ("number", {"passed": "16"}, "whole numbers"),
        ("number", {"passed": True}, "whole numbers"),
        ("number", {"failed": -60, "gate": ["failed"], "rejects": "yes"}, "true or false"),
        ("number", {"failed": -60, "rejects": True}, "must forbid an approval"),
        ("number", {"passed": 61}, "101 points"),
        ("number", {"failed": 61}, "101 points"),
    ],
)
def test_data_that_is_wrong_is_refused(check: str, told: dict[str, Any], wrong: str) -> None:
    data = json.loads(json.dumps(GOOD))
    data["checks"]["KTP"][check] = told
    with pytest.raises(ValueError, match=wrong):
        policy_of(data)


def test_every_check_has_texts_in_both_languages_without_a_value_and_a_source() -> None:
    for code, check in CHECKS.items():
        assert check.source.split(":")[0] in ("law", "register", "observation", "house rule"), code
        for outcome in Outcome:
            text = check.text(outcome)
            for language in ("id", "en"):
                sentence = text.in_language(language)
                assert sentence.endswith(".") and sentence[0].isupper(), code
                digits = "".join(c for c in sentence if c.isdigit())
                assert digits in ("", "0001", "0000"), code
            assert text.id != text.en
        assert len({check.text(outcome).en for outcome in (PASSED, FAILED)}) == 2, code


def test_every_check_is_told_in_words_that_there_are() -> None:
    for code, check in CHECKS.items():
        assert {check.told(outcome) for outcome in Outcome} <= {"", *CLIENT_REASONS}, code
        assert check.told(PASSED) == "", code


def test_every_check_is_in_the_policy_of_some_document_type() -> None:
    data = json.loads((FOLDER / f"standard-{POLICIES['standard']}.json").read_text(encoding="utf-8"))
    assert {code for checks in data["checks"].values() for code in checks} == set(CHECKS)
