"""Every column and object of a subject that is sealed, whichever app it belongs to."""

import uuid
from collections.abc import Collection
from typing import NamedTuple

from django.apps import apps
from django.db import connection, models

from documents.encrypted import EncryptedJSONField, Sealed
from documents.models import Document
from documents.sealing import BEFORE_DATA_KEYS, is_sealed_under, seal, unseal
from documents.status import Status
from documents.storage import OriginalMissing, page_key, read_sealed, replace_sealed

BATCH = 500  # rows in memory
OF_A_DOCUMENT = "document__owner_id"


class Column(NamedTuple):
    model: type[models.Model]
    field: EncryptedJSONField

    def of(self, subject: uuid.UUID) -> "models.QuerySet[models.Model]":
        rows = self.model._default_manager.filter(**{self.field.subject: subject})
        return rows.exclude(**{f"{self.field.name}__isnull": True}).order_by("pk")


def columns() -> list[Column]:
    """All sealed columns of all apps."""
    return [
        Column(model, field)
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, EncryptedJSONField)
    ]


def count_before_data_keys() -> int:
    """How many columns hold values that were sealed before there were data keys. Reads all of them."""
    count = 0
    with connection.cursor() as cursor:
        for model, field in columns():
            table, name = (connection.ops.quote_name(word) for word in (model._meta.db_table, field.attname))
            cursor.execute(f"SELECT count(*) FROM {table} WHERE get_byte({name}, 0) = %s", [BEFORE_DATA_KEYS])  # noqa: S608 - names of ours
            count += cursor.fetchone()[0]
    return count


def blank_columns(documents: Collection[uuid.UUID]) -> None:
    """Take away every sealed value of these documents, in whichever app. Messages go by their review, and not here."""
    for model, field in columns():
        name = field.attname
        if model is Document:
            Document.objects.filter(pk__in=documents).update(**{name: None})
        elif field.subject.endswith(OF_A_DOCUMENT):
            document = field.subject.removesuffix("__owner_id")
            model._default_manager.filter(**{f"{document}__in": documents}).update(**{name: None})


def reseal_columns(subject: uuid.UUID, version: int) -> int:
    """Seal anew what is not sealed under this version. Beside writers: a row that was written meanwhile stays as it is.

    Returns how many values. Raises CannotOpen, KeysUnavailable.
    """
    done = 0
    for column in columns():
        name = column.field.attname
        for pk, value in column.of(subject).values_list("pk", name).iterator(BATCH):
            if is_sealed_under(value, subject, version):
                continue
            place = column.field.place(column.model(pk=pk))
            fresh = Sealed(seal(unseal(value, belongs_to=place), subject=subject, belongs_to=place))
            done += column.model._default_manager.filter(**{"pk": pk, name: value}).update(**{name: fresh})
    return done


class Busy(Exception):
    """A document of this subject is being read: its page may be written at any moment."""


def reseal_objects(subject: uuid.UUID, version: int) -> int:
    """The same of originals and pages. Raises Busy once all others are done, StoreUnavailable, CannotOpen."""
    done, busy = 0, False
    keys = Document.objects.filter(owner_id=subject).values_list("status", "storage_key")
    for status, key in keys.iterator(BATCH):
        if status == Status.processing:
            busy = True
            continue
        done += sum(_reseal_object(name, subject, version) for name in (key, page_key(key)))
    if busy:
        raise Busy
    return done


def _reseal_object(name: str, subject: uuid.UUID, version: int) -> bool:
    try:
        sealed = read_sealed(name)
    except OriginalMissing:  # not every document has a page; an original that is lost stays lost
        return False
    if is_sealed_under(sealed, subject, version):
        return False
    replace_sealed(name, seal(unseal(sealed, belongs_to=name), subject=subject, belongs_to=name))
    return True
