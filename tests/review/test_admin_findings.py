"""What the checks found, and what the client declared, on the case page."""

import re
from typing import Any

import pytest
from django.utils import translation

from filot.models import User
from review import console
from review.case_fields import declared_rows, findings_of
from review.models import Review
from tests.review.admin_cases import NIK, logged_in, open_case, staff, with_picture
from verification import baseline, policy
from verification.checks import Outcome
from verification.models import VerificationRun
from verification.policy import CHECKS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]

FINDINGS = [
    {"code": "number", "outcome": "passed", "points": 20, "gate": False},
    {"code": "region", "outcome": "failed", "points": -5, "gate": False},
    {"code": "birth_date", "outcome": "failed", "points": -30, "gate": True},
    {"code": "sex", "outcome": "unknown", "points": 0, "gate": True},
]


def judged_case(owner: User, **facts: Any) -> Review:
    review = with_picture(open_case(owner))
    VerificationRun.objects.filter(document=review.document).update(
        policy="standard", findings=FINDINGS, score=0, thresholds={"approve": 85, "reject": 35}
    )
    return review


def told(code: str, outcome: str) -> str:
    return CHECKS[code].text(Outcome(outcome)).en


def page_of(review: Review, role: str = "reviewer") -> str:
    answer = logged_in(staff(role)).get(f"/admin/review/review/{review.pk}/change/")
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def test_each_check_says_what_it_found_with_its_points_and_the_fields_it_looked_at(owner: User) -> None:
    text = page_of(judged_case(owner))
    rows = re.findall(r'<tr class="(\w+)">(.*?)</tr>', text.partition("Why it needs a person")[2], re.DOTALL)
    plain = [(outcome, " ".join(re.sub(r"<[^>]+>", " ", row).split())) for outcome, row in rows]
    assert plain == [
        ("failed", f"{told('birth_date', 'failed')} NIK, Tgl Lahir failed forbids approval -30"),
        ("unknown", f"{told('sex', 'unknown')} NIK, Jenis Kelamin not known forbids approval"),
        ("failed", f"{told('region', 'failed')} NIK, Provinsi, Kabupaten/Kota, Kecamatan failed -5"),
        ("passed", f"{told('number', 'passed')} NIK passed 20"),
    ]
    assert "Score 0: the sum of the points, within 0 and 100. From 85 a document passes by itself" in text


def test_the_checks_speak_indonesian_too(owner: User) -> None:
    review = judged_case(owner)
    with translation.override("id"):
        rows = findings_of(VerificationRun.objects.get(document=review.document), "KTP")
    assert rows[0].told == CHECKS["birth_date"].failed.id != CHECKS["birth_date"].failed.en


def test_a_check_that_no_longer_exists_is_passed_over(owner: User) -> None:
    run = VerificationRun(findings=[{"code": "gone", "outcome": "failed", "points": -1, "gate": True}])
    assert findings_of(run, "KTP") == []


def test_what_the_client_declared_is_shown_with_its_numbers_cut(owner: User) -> None:
    review = judged_case(owner)
    review.document.applicant = {"name": "DEWI LAINNYA", "nik": NIK, "birthDate": "1990-07-01"}
    review.document.save()
    text = page_of(review)
    assert "Declared by the client" in text
    assert "DEWI LAINNYA" in text
    assert NIK not in text
    assert dict(declared_rows(review, revealed=True))["NIK"] == NIK


def test_without_a_declaration_there_is_no_empty_panel(owner: User) -> None:
    assert "Declared by the client" not in page_of(judged_case(owner))


def sentences_of_the_policies() -> set[str]:
    found = {baseline.LITTLE_TEXT, baseline.COMPLETE, policy.COMPLETE, policy.GATED}
    for table in (baseline.MISSING, baseline.UNCLEAR, baseline.DECIDED, policy.DECIDED):
        found |= set(table.values())
    return {reason.message for reason in found}


def test_a_reader_of_indonesian_reads_what_a_policy_says_in_indonesian(owner: User) -> None:
    review = judged_case(owner)
    with translation.override("id"):
        for sentence in sentences_of_the_policies():
            VerificationRun.objects.update(reasons=[{"code": "x", "message": sentence}])
            (told,) = console.reasons_of(VerificationRun.objects.get(document=review.document))
            assert told
            assert told != sentence
