"""Forgetting: of documents whose time is over, and of a person who asks for it.

What goes: the sealed columns, the stored original and page, the blind index, the fingerprint, the digest; and the data
key, which is what reaches every copy that was ever made. What stays: the row with its ids, states and times, its
events, and an audit entry. Every step is safe to repeat, and the last one marks the row: a death in between leaves
something that the next run finds.
"""

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import structlog
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from documents import audit, keys
from documents.keystore import key_store
from documents.models import Document
from documents.resealing import reseal
from documents.sealed_rows import blank_columns
from documents.storage import delete_original
from integrations.models import Buli2Exchange
from privacy.closing import close, give_up_messages
from privacy.models import PersonalRequest, RequestKind, RequestState, Subject
from privacy.retention import Hold, expired, hold_of, holds_on, rules
from review.models import Review

log = structlog.get_logger(__name__)

RETENTION, ASKED, REPLAYED = "retention", "asked", "replayed"
# So long the key of erased documents stays when the owner has others: a dump that is younger still opens for these.
OLDER_KEY_KEPT = timedelta(days=7)


class StaffAccount(Exception):
    """Decisions are this person's: an account of staff is closed, not erased."""


class Erasure(NamedTuple):
    """`held` is empty when the subject is erased."""

    erased: int
    held: list[Hold]
    due_on: date | None


def forget_documents(owner_id: uuid.UUID, documents: Sequence[Document], *, by: str, because: str) -> int:
    """Erase these documents of an owner who may have others. Raises StoreUnavailable, KeysUnavailable."""
    for document in documents:
        close(document, actor=by)
        keys.note_erased_document(owner_id, document.pk)
        delete_original(document.storage_key)
    ids = [document.pk for document in documents]
    with transaction.atomic():
        done = _blank(ids)
        Subject.objects.update_or_create(owner_id=owner_id, defaults={"reseal_since": timezone.now()})
        for document_id in ids:
            audit.note("document.erased", actor=by, document=document_id, subject=str(owner_id), because=because)
    log.info("documents_erased", owner=str(owner_id), count=done, because=because)
    return done


def _blank(ids: list[uuid.UUID]) -> int:
    """Take every personal value out of these documents' rows."""
    reviews = list(Review.objects.filter(document_id__in=ids).values_list("pk", flat=True))
    give_up_messages(reviews)
    blank_columns(ids)
    Buli2Exchange.objects.filter(review_id__in=reviews).update(body=None, answer=None, body_sha256="")
    now = timezone.now()
    done: int = Document.objects.filter(pk__in=ids).update(
        number_index="",
        fingerprint=None,
        picture_bands=None,
        sha256="",
        idempotency_key="",
        erased_at=now,
        updated_at=now,
    )
    return done


def erase_subject(owner_id: uuid.UUID, *, by: str, because: str = ASKED, today: date | None = None) -> Erasure:
    """Erase a person, or restrict and date what the law still holds. Safe to repeat: later the rest is erased.

    The account is closed at once. Raises User.DoesNotExist, StaffAccount, StoreUnavailable, KeysUnavailable.
    """
    today = today or timezone.now().date()
    subject = _close_account(owner_id, today, because)
    held = holds_on(owner_id, today) if because != REPLAYED else []
    documents = list(Document.objects.filter(owner_id=owner_id, erased_at__isnull=True))
    table = rules()
    holding: dict[uuid.UUID, Hold] = {}
    for document in documents if because != REPLAYED else []:
        if hold := hold_of(table, document, subject.relationship_ended_on, today):
            holding[document.pk] = hold
    held += holding.values()
    if held:
        free = [] if len(held) > len(holding) else [each for each in documents if each.pk not in holding]
        return _restrict(subject, free, held, by=by)
    return _erase(subject, documents, by=by, because=because)


def _close_account(owner_id: uuid.UUID, today: date, because: str) -> Subject:
    """Nothing new comes in from here on."""
    user = get_user_model()._default_manager.get(pk=owner_id)
    if user.is_staff:
        raise StaffAccount(str(owner_id))
    with transaction.atomic():
        get_user_model()._default_manager.filter(pk=owner_id).update(is_active=False)
        subject, _ = Subject.objects.select_for_update().get_or_create(owner_id=owner_id)
        subject.erase_asked_at = subject.erase_asked_at or timezone.now()
        subject.relationship_ended_on = subject.relationship_ended_on or today
        subject.save(update_fields=["erase_asked_at", "relationship_ended_on"])
    return subject


def _restrict(subject: Subject, free: list[Document], held: list[Hold], *, by: str) -> Erasure:
    erased = forget_documents(subject.pk, free, by=by, because=ASKED) if free else 0
    days = [hold.until for hold in held]
    due_on = None if None in days else max(day for day in days if day)
    now = timezone.now()
    with transaction.atomic():
        first = subject.restricted_at is None
        subject.restricted_at, subject.erase_due_on = subject.restricted_at or now, due_on
        subject.save(update_fields=["restricted_at", "erase_due_on"])
        Document.objects.filter(owner_id=subject.pk, erased_at__isnull=True, restricted_at__isnull=True).update(
            restricted_at=now
        )
        give_up_messages(list(Review.objects.filter(document__owner_id=subject.pk).values_list("pk", flat=True)))
        _close_requests(subject.pk, RequestState.waits, "held")
        if first or erased:
            audit.note(
                "subject.restricted",
                actor=by,
                subject=str(subject.pk),
                held=sorted({hold.because for hold in held}),
                due_on=due_on.isoformat() if due_on else None,
                erased=erased,
            )
    return Erasure(erased, held, due_on)


def _erase(subject: Subject, documents: list[Document], *, by: str, because: str) -> Erasure:
    owner_id = subject.pk
    for document in documents:
        close(document, actor=by)
    keys.destroy(owner_id)  # from here on nothing of theirs opens, in no copy
    everything = Document.objects.filter(owner_id=owner_id)
    for key in everything.values_list("storage_key", flat=True):
        delete_original(key)
    with transaction.atomic():
        first = subject.erased_at is None
        ids = list(everything.values_list("pk", flat=True))
        _blank(ids)
        _anonymise(owner_id)
        subject.erased_at = subject.erased_at or timezone.now()
        subject.erase_due_on = subject.reseal_since = None
        subject.save(update_fields=["erased_at", "erase_due_on", "reseal_since"])
        _close_requests(owner_id, RequestState.done, "erased")
        if first or documents:
            audit.note("subject.erased", actor=by, subject=str(owner_id), documents=len(documents), because=because)
    log.info("subject_erased", owner=str(owner_id), documents=len(documents), because=because)
    return Erasure(len(documents), [], None)


def _anonymise(owner_id: uuid.UUID) -> None:
    """The row stays, since documents and decisions name its id; nothing in it names a person.

    Staff are not erased, but somebody may have been staff before, with an app for the second step.
    """
    users = get_user_model()._default_manager
    for user in users.filter(pk=owner_id, app_key__isnull=False):
        user.app_key.delete()
    users.filter(pk=owner_id).update(
        second_factor_at=None,
        username=f"erased-{owner_id.hex}",
        password="!",  # noqa: S106 - no password fits it
        first_name="",
        last_name="",
        email="",
        display_name="",
        profile=None,
        issuer="",
        subject="",
        is_active=False,
    )


def _close_requests(owner_id: uuid.UUID, state: RequestState, outcome: str) -> None:
    asked = PersonalRequest.objects.filter(owner_id=owner_id, kind=RequestKind.erasure)
    asked = asked.filter(state__in=[RequestState.open, RequestState.waits])
    closed_at = timezone.now() if state is RequestState.done else None
    asked.update(state=state, outcome=outcome, closed_at=closed_at)


# Sweeping -------------------------------------------------------------------------------------------------------------


def purge_batch(limit: int, *, by: str, today: date | None = None) -> int:
    """Erase up to `limit` documents whose time is over. Returns how many were erased; 0: nothing is left."""
    chosen: dict[uuid.UUID, list[Document]] = {}
    for document in expired(today)[:limit]:
        chosen.setdefault(document.owner_id, []).append(document)
    return sum(forget_documents(owner, found, by=by, because=RETENTION) for owner, found in chosen.items())


def due_subjects() -> list[uuid.UUID]:
    """Asked to be erased and not erased yet, or with a document that came in while they were."""
    waiting = Q(erase_asked_at__isnull=False, erased_at__isnull=True)
    late = Document.objects.filter(
        erased_at__isnull=True, owner_id__in=Subject.objects.filter(erased_at__isnull=False).values("pk")
    )
    pending = set(Subject.objects.filter(waiting).values_list("pk", flat=True))
    return sorted(pending | set(late.values_list("owner_id", flat=True)))


def drop_older_keys(*, by: str, kept: timedelta = OLDER_KEY_KEPT) -> int:
    """Bring what is left of owners whose documents were erased under a fresh key. Returns how many are done."""
    done = 0
    for subject in Subject.objects.filter(reseal_since__isnull=False, erased_at__isnull=True).iterator():
        began = subject.reseal_since
        if reseal(subject.pk, by=by, settled_after=kept).left > 0:
            continue
        done += Subject.objects.filter(pk=subject.pk, reseal_since=began).update(reseal_since=None)
    return done


def replay_erasures(*, by: str) -> dict[str, int]:
    """After a restore: erase again what had been erased. The key store says what; and the other way round, the rows do.

    Safe to repeat.
    """
    done: dict[str, Any] = {"subjects": 0, "documents": 0, "keys": 0}
    users = get_user_model()._default_manager
    for owner_id in key_store().subjects():
        if keys.is_erased(owner_id):
            if users.filter(pk=owner_id).exists() and not _is_gone(owner_id):
                erase_subject(owner_id, by=by, because=REPLAYED)
                done["subjects"] += 1
            continue
        ids = keys.erased_documents(owner_id)
        back = list(Document.objects.filter(pk__in=ids, owner_id=owner_id, erased_at__isnull=True))
        if back:
            done["documents"] += forget_documents(owner_id, back, by=by, because=REPLAYED)
    for owner_id in Subject.objects.filter(erased_at__isnull=False).values_list("pk", flat=True).iterator():
        if not keys.is_erased(owner_id) or keys.has_keys(owner_id):
            keys.destroy(owner_id)  # the key store itself was restored from an older copy
            done["keys"] += 1
    return done


def _is_gone(owner_id: uuid.UUID) -> bool:
    gone = Subject.objects.filter(pk=owner_id, erased_at__isnull=False).exists()
    return gone and not Document.objects.filter(owner_id=owner_id, erased_at__isnull=True).exists()
