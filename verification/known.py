"""Finding the documents that one must be compared with when it is judged."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from documents.models import Document
from documents.status import Status
from verification.comparing import OTHER_CARD, Seen, known_among, probes_of, same_picture
from verification.evidence import Known
from verification.fields import FieldValue
from verification.runs import fields_of, read_run

MOST_SEEN = 50  # documents with one number or file, or of one owner: so many say as much as more
CANDIDATES = 20_000  # pictures that share a band of the hash: 1 % of the clean scans, 0.1 % of the photographs
REFUSED = (Status.rejected, Status.auto_reject)
COLUMNS = ("pk", "created_at", "owner_id", "type", "status", "number_index", "sha256", "fingerprint", "restricted_at")


def known_of(document: Document, fields: Mapping[str, FieldValue]) -> Known:
    """Three queries, and one for each document whose fields are opened. Its own reading must be committed.

    In a transaction of its own, or at the end of one: until then no plan reads a whole table.
    """
    others = Document.objects.comparable().exclude(pk=document.pk).only(*COLUMNS)
    first, *more = _queries(document, others)
    found: dict[Any, Document] = {other.pk: other for other in first.union(*more, all=True)}
    with transaction.atomic(), connection.cursor() as cursor:
        # The planner takes a thousand times too many rows to share a band, and would read the whole table instead.
        cursor.execute("SET LOCAL enable_seqscan = off")
        found |= {other.pk: other for other in _alike(document, others)}
    newest = sorted(found.values(), key=lambda other: other.created_at, reverse=True)
    return known_among(_seen(document, lambda: fields), [_seen(other, _opener(other)) for other in newest])


def _queries(document: Document, others: QuerySet[Document]) -> list[QuerySet[Document]]:
    newest = others.order_by("-created_at")
    cards = newest.filter(owner_id=document.owner_id, type__in=[document.type, OTHER_CARD.get(document.type, "")])
    queries = [newest.filter(sha256=document.sha256)[:MOST_SEEN], cards.exclude(number_index="")[:MOST_SEEN]]
    if document.number_index:
        queries.append(newest.filter(type=document.type, number_index=document.number_index)[:MOST_SEEN])
    return queries


def _alike(document: Document, others: QuerySet[Document]) -> list[Document]:
    """Of the documents that share a band those whose picture is the same; only these are loaded."""
    own = bytes(document.fingerprint or b"")
    probes = probes_of(own)
    # One parameter, as a text: Django would make an expression of each of the hundreds of probes, and psycopg looks at
    # each for the kind of number it is.
    one_of = RawSQL("%s::integer[]", [f"{{{','.join(map(str, probes))}}}"])
    sharing = others.filter(picture_bands__overlap=one_of) if probes else others.none()
    prints = sharing.values_list("pk", "fingerprint")[:CANDIDATES]
    near = [pk for pk, held in prints if same_picture(own, bytes(held or b""))]
    return list(others.filter(pk__in=near[:MOST_SEEN])) if near else []


def _opener(document: Document) -> Callable[[], dict[str, FieldValue]]:
    """Of a restricted document no sealed value is opened: that it is the same number, file or picture is enough."""

    def opened() -> dict[str, FieldValue]:
        run = None if document.restricted_at else read_run(document)
        return fields_of(run) if run else {}

    return opened


def _seen(document: Document, fields: Callable[[], Mapping[str, FieldValue]]) -> Seen:
    return Seen(
        owner=document.owner_id,
        type=document.type,
        number=document.number_index,
        sha256=document.sha256,
        fingerprint=bytes(document.fingerprint) if document.fingerprint else None,
        fields=fields,
        rejected=document.state is Status.rejected,
        refused=document.state in REFUSED,
    )
