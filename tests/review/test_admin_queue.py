"""The queue: what it shows of a case, and to whom."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from filot.models import User
from review.models import Review
from tests.review.admin_cases import NIK, fields_of_card, logged_in, open_case, read_field, staff

QUEUE = "/admin/review/review/"
ROLES_THAT_SEE_CASES = ["reviewer", "senior", "compliance", "auditor"]

pytestmark = pytest.mark.django_db


def refs_on(page: Any) -> set[str]:
    return set(re.findall(r"DOC-[0-9A-F]{8}", page.content.decode().split('id="result_list"')[-1]))


@pytest.mark.parametrize("role", ROLES_THAT_SEE_CASES)
def test_a_row_says_what_waits_why_and_the_last_four_digits_only(owner: User, role: str) -> None:
    review = open_case(owner)

    page = logged_in(staff(role)).get(QUEUE)

    assert page.status_code == 200
    text = page.content.decode()
    assert refs_on(page) == {review.document.ref}
    assert "45 medium" in text
    assert "The address was not found." in text
    assert "+1</span>" in text
    assert "•••• 5797" in text
    assert NIK[:6] not in text
    assert NIK[-5:] not in text


def test_ops_and_clients_see_no_queue(owner: User) -> None:
    open_case(owner)

    assert logged_in(staff("ops")).get(QUEUE).status_code == 403
    assert logged_in(owner).get(QUEUE).status_code == 302


def test_a_number_read_in_part_shows_nothing_of_it(owner: User) -> None:
    open_case(owner, fields=fields_of_card(nik=read_field(None, raw="33050")))

    text = logged_in(staff("reviewer")).get(QUEUE).content.decode()

    assert "33050" not in text
    assert "3050" not in text


def test_a_run_sealed_with_another_key_does_not_break_the_queue(owner: User, settings: Any) -> None:
    review = open_case(owner)
    settings.ENCRYPTION_KEYS = {"other": bytes(32)}

    page = logged_in(staff("reviewer")).get(QUEUE)

    assert refs_on(page) == {review.document.ref}


def test_the_number_of_queries_does_not_grow_with_the_rows(owner: User) -> None:
    client = logged_in(staff("reviewer"))
    open_case(owner)
    with CaptureQueriesContext(connection) as one:
        client.get(QUEUE)
    for _ in range(12):
        open_case(owner)

    with CaptureQueriesContext(connection) as many:
        client.get(QUEUE)

    assert len(many) == len(one)
    assert len(many) <= 8


def test_filters_narrow_it_down_and_decided_cases_are_not_waiting(owner: User) -> None:
    now = timezone.now()
    overdue = open_case(owner, due_at=now - timedelta(hours=2))
    escalated = open_case(owner, escalated_at=now)
    decided = open_case(owner, decision="approved", decided_at=now)
    client = logged_in(staff("reviewer"))

    def shown(query: str) -> set[str]:
        return refs_on(client.get(QUEUE + query))

    assert shown("") == {overdue.document.ref, escalated.document.ref}
    assert shown("?due=overdue") == {overdue.document.ref}
    assert shown("?escalated=yes") == {escalated.document.ref}
    assert shown("?state=today") == {decided.document.ref}
    assert shown("?state=all") == {review.document.ref for review in (overdue, escalated, decided)}
    assert shown("?kind=NPWP") == set()


def test_a_case_is_found_by_its_reference_its_ids_or_its_number(owner: User) -> None:
    wanted, other = open_case(owner), open_case(owner)
    type(other.document).objects.filter(pk=other.document_id).update(number_index="")
    client = logged_in(staff("reviewer"))

    for term in (wanted.document.ref, str(wanted.pk), str(wanted.document_id), NIK, "330509 140390 5797"):
        page = client.post(f"{QUEUE}find/", {"term": term}, follow=True)
        assert refs_on(page) == {wanted.document.ref}, term


def test_a_searched_number_is_never_part_of_an_address(owner: User) -> None:
    open_case(owner)

    answer = logged_in(staff("reviewer")).post(f"{QUEUE}find/", {"term": NIK})

    assert answer.status_code == 302
    assert NIK not in answer["Location"]


@pytest.mark.parametrize("term", ["", "DOC-12", "DEWI", "3305", "%"])
def test_part_of_a_number_or_a_name_finds_nothing(owner: User, term: str) -> None:
    open_case(owner)

    page = logged_in(staff("reviewer")).post(f"{QUEUE}find/", {"term": term}, follow=True)

    assert "full reference" in page.content.decode()


def test_a_query_that_was_typed_into_the_address_finds_nothing(owner: User) -> None:
    open_case(owner)

    page = logged_in(staff("reviewer")).get(QUEUE, {"q": NIK})

    assert "No case has this reference" in page.content.decode()


def test_nobody_adds_deletes_or_decides_in_bulk_even_a_superuser(owner: User) -> None:
    review = open_case(owner)
    client = logged_in(User.objects.create_superuser("root"))

    assert client.get(f"{QUEUE}add/").status_code == 403
    assert client.post(f"{QUEUE}{review.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(QUEUE, {"action": "delete_selected", "_selected_action": [str(review.pk)], "post": "yes"})
    assert Review.objects.filter(pk=review.pk, decision="").exists()
    assert 'name="action"' not in client.get(QUEUE).content.decode()


@pytest.mark.parametrize("address", ["/admin/review/review/?kind=%00", "/admin/documents/document/?status__exact=%00"])
def test_an_address_that_makes_no_sense_is_400_and_no_5xx(address: str, client: Any) -> None:
    senior = User.objects.create_user("nul-senior", password="a long password", is_staff=True)
    call_command("setup_roles")
    senior.groups.add(Group.objects.get(name="senior"))
    client.force_login(senior)
    client.raise_request_exception = False
    assert client.get(address).status_code in {302, 400}
