"""The audit trail: in the transaction of its act, in order, and nobody changes it unseen."""

import threading
import uuid
from io import StringIO
from typing import Any

import pytest
import structlog
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from documents.audit import NotACode, check_chain, head_seal, note, signature
from documents.models import AuditEntry, AuditHead

pytestmark = pytest.mark.django_db
ACTOR = str(uuid.UUID(int=7))
COPY = (
    "INSERT INTO documents_auditentry SELECT %s, at, action, actor, document_id, subject, facts, correlation_id, "
    "key_id, %s, hash FROM documents_auditentry WHERE sequence = 3"
)
TABLES = {
    "documents_auditentry": ("is_kept", "is_not_emptied", "continues"),
    "documents_audithead": ("is_kept", "is_not_emptied", "follows"),
}


def written(count: int = 3) -> list[AuditEntry]:
    with transaction.atomic():
        return [note("case.approved", actor=ACTOR, subject=f"case-{number}", risk=number) for number in range(count)]


def attack(statement: str, *arguments: Any) -> None:
    """As the owner of the tables, who may switch triggers off."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, arguments)
        for table, triggers in TABLES.items():
            for trigger in triggers:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{trigger}")


def test_entries_are_numbered_without_a_gap_and_each_continues_the_one_before() -> None:
    first, second, third = written()

    assert [first.sequence, second.sequence, third.sequence] == [1, 2, 3]
    assert second.previous == first.hash
    assert third.previous == second.hash
    assert AuditHead.objects.get().hash == third.hash
    assert check_chain() == []


def test_an_entry_says_who_what_where_and_under_which_request() -> None:
    document_id = uuid.uuid4()
    with structlog.contextvars.bound_contextvars(correlation_id="request-1"), transaction.atomic():
        note("number.revealed", actor=ACTOR, document=document_id, reason="compare", minutes=5, pages=[0, 1])

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.document_id) == ("number.revealed", ACTOR, document_id)
    assert entry.facts == {"reason": "compare", "minutes": 5, "pages": [0, 1]}
    assert entry.correlation_id == "request-1"


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "BUDI SANTOSO"},
        {"number": "3273014107900001"},
        {"number": 3273014107900001},
        {"number": "32.730.141.0-790.001"},
        {"numbers": ["3273014107900001"]},
        {"share": 0.5},
        {"text": "a" * 129},
        {"text": "Jl. Melati 5"},
        {"of": {"a": "map"}},
    ],
)
def test_what_may_be_personal_is_refused_and_not_repeated(facts: dict[str, Any]) -> None:
    with pytest.raises(NotACode) as refused, transaction.atomic():
        note("case.approved", actor=ACTOR, **facts)
    assert str(refused.value) == next(iter(facts))
    assert not AuditEntry.objects.exists()


def test_ids_and_digests_are_codes() -> None:
    with transaction.atomic():
        note(
            "case.approved",
            actor=ACTOR,
            review="11111111-1111-1111-1111-111111111111",
            digest="0" * 64,
            by=uuid.uuid4(),
        )
    assert check_chain() == []


def test_an_act_that_is_rolled_back_leaves_no_entry_and_no_gap() -> None:
    written(1)
    with pytest.raises(RuntimeError), transaction.atomic():
        note("case.approved", actor=ACTOR)
        raise RuntimeError
    written(1)

    assert list(AuditEntry.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2]
    assert check_chain() == []


@pytest.mark.django_db(transaction=True)
def test_an_entry_without_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transaction of its act"):
        note("case.approved", actor=ACTOR)


# What the database refuses -----------------------------------------------------------------------------------------

FORBIDDEN = [
    "UPDATE documents_auditentry SET actor = 'nobody'",
    "DELETE FROM documents_auditentry WHERE sequence = 3",
    "SET LOCAL session_replication_role = replica; DELETE FROM documents_auditentry",
    "UPDATE documents_audithead SET sequence = 2",
    "UPDATE documents_audithead SET seal = 'x'",
    "DELETE FROM documents_audithead",
    "INSERT INTO documents_audithead VALUES (1, 0, '', '', '') ON CONFLICT (id) DO UPDATE SET sequence = 0",
    COPY % (9, "previous"),
    COPY % (4, "previous"),
]
EMPTYING = [
    "TRUNCATE documents_auditentry",
    "TRUNCATE documents_auditentry CASCADE",
    "TRUNCATE documents_audithead",
    "SET LOCAL session_replication_role = replica; TRUNCATE documents_auditentry, documents_audithead",
]


@pytest.mark.parametrize("statement", FORBIDDEN + EMPTYING)
def test_the_database_changes_removes_and_inserts_no_entry_for_a_superuser_either(statement: str) -> None:
    written()
    with connection.cursor() as cursor:
        for table in TABLES:  # which other tests do without: see conftest
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_not_emptied")
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (True,)
    with pytest.raises(DatabaseError, match="audit trail is kept"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == 3
    assert check_chain() == []


def test_the_orm_changes_and_deletes_no_entry_either() -> None:
    _, held, _ = written()
    for attempt in (held.save, held.delete, AuditEntry.objects.all().delete, AuditHead.objects.all().delete):
        with pytest.raises(DatabaseError, match="audit trail is kept"), transaction.atomic():
            attempt()


# What is found when somebody went around the database's refusal ------------------------------------------------------

ATTACKS = {
    "UPDATE documents_auditentry SET actor = 'nobody' WHERE sequence = 2": "2: changed, or not written by FiLot",
    "UPDATE documents_auditentry SET at = at + interval '1 us' WHERE sequence = 2": "2: changed",
    "UPDATE documents_auditentry SET facts = '{\"risk\": 99}' WHERE sequence = 3": "3: changed",
    "UPDATE documents_auditentry SET document_id = gen_random_uuid() WHERE sequence = 1": "1: changed",
    "UPDATE documents_auditentry SET key_id = 'other' WHERE sequence = 1": "1: its key is not in AUDIT_KEYS",
    "DELETE FROM documents_auditentry WHERE sequence = 1": "1: removed",
    "DELETE FROM documents_auditentry WHERE sequence = 2": "2: removed",
    "DELETE FROM documents_auditentry WHERE sequence = 3": "3: removed",
    "DELETE FROM documents_auditentry WHERE sequence > 1": "2 to 3: removed",
    "DELETE FROM documents_auditentry": "1 to 3: removed",
    "DELETE FROM documents_audithead": "the head was removed",
    "UPDATE documents_audithead SET sequence = 2, hash = (SELECT hash FROM documents_auditentry WHERE sequence = 2); "
    "DELETE FROM documents_auditentry WHERE sequence = 3": "the head was changed",
    "UPDATE documents_auditentry SET sequence = 9 WHERE sequence = 2": "2: removed",
    COPY % (4, "hash"): "4: changed, or not written by FiLot",
    COPY % (4, "previous"): "4: it does not continue",
}


@pytest.mark.parametrize("statement", ATTACKS)
def test_whoever_goes_around_the_triggers_is_found(statement: str) -> None:
    written()
    attack(statement)
    assert any(problem.startswith(ATTACKS[statement]) for problem in check_chain()), check_chain()
    with pytest.raises(CommandError, match="tampered"):
        call_command("verify_audit", stdout=StringIO())


def test_rewriting_the_whole_chain_needs_the_key(settings: Any) -> None:
    """Whoever knows this source and may write every table, but has another key."""
    written()
    ours, settings.AUDIT_KEYS = settings.AUDIT_KEYS, {"a1": bytes(32)}
    before = "0" * 64
    for entry in AuditEntry.objects.order_by("sequence"):
        entry.actor, entry.previous = "nobody", before
        entry.hash = before = signature(entry)
        attack(
            "UPDATE documents_auditentry SET actor = %s, previous = %s, hash = %s WHERE sequence = %s",
            entry.actor, entry.previous, entry.hash, entry.sequence,
        )  # fmt: skip
    head = AuditHead.objects.get()
    head.hash = before
    attack("UPDATE documents_audithead SET hash = %s, seal = %s", head.hash, head_seal(head))
    assert check_chain() == []
    settings.AUDIT_KEYS = ours
    assert [problem.partition(":")[0] for problem in check_chain()][:3] == ["1", "2", "3"]


def test_an_older_head_that_is_put_back_is_found_by_an_anchor_only() -> None:
    written(2)
    saved = AuditHead.objects.get()
    third = written(1)[0]
    attack("DELETE FROM documents_auditentry WHERE sequence = 3")
    attack("UPDATE documents_audithead SET sequence = %s, hash = %s, seal = %s", saved.sequence, saved.hash, saved.seal)

    assert check_chain() == []
    assert check_chain(anchors={3: third.hash}) == ["3: the anchor names an entry that is gone"]
    replaced = written(1)[0]
    assert replaced.sequence == 3
    with pytest.raises(CommandError, match="tampered"):
        call_command("verify_audit", anchor=[f"3:{third.hash}"], stdout=StringIO())


def test_the_command_prints_the_head_and_believes_a_trail_that_holds() -> None:
    last = written()[-1]
    said = StringIO()
    call_command("verify_audit", head=True, stdout=said)
    assert said.getvalue() == f"3:{last.hash}\n"
    call_command("verify_audit", anchor=[said.getvalue()], stdout=said)
    assert "holds" in said.getvalue()


def test_a_new_key_signs_and_the_older_one_still_checks(settings: Any) -> None:
    written(1)
    settings.AUDIT_KEYS = {"a2": bytes(32), **settings.AUDIT_KEYS}
    written(1)

    assert [entry.key_id for entry in AuditEntry.objects.order_by("sequence")] == ["a1", "a2"]
    assert check_chain() == []
    settings.AUDIT_KEYS = {"a2": bytes(32)}
    assert check_chain() == ["1: its key is not in AUDIT_KEYS"]


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_moment_make_one_chain() -> None:
    begin = threading.Barrier(8)
    failed: list[Exception] = []

    def write(number: int) -> None:
        try:
            begin.wait()
            for step in range(10):
                with transaction.atomic():
                    note("case.taken", actor=ACTOR, subject=f"writer-{number}", step=step)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert AuditEntry.objects.count() == 80
    assert check_chain() == []
    assert list(AuditEntry.objects.order_by("at").values_list("sequence", flat=True)) == list(range(1, 81))
