"""Model fields whose column holds only sealed bytes."""

import json
import uuid
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

from documents.sealing import seal, unseal


class Sealed(bytes):
    """A column's bytes as read, opened at the first access of the attribute."""


class _OpenedAttribute:
    """Opens at first access: a list page that never shows the value never decrypts it."""

    def __init__(self, field: "EncryptedJSONField") -> None:
        self.field = field

    def __get__(self, row: models.Model | None, owner: type[models.Model] | None = None) -> Any:
        if row is None:
            return self
        if self.field.attname not in row.__dict__:
            row.refresh_from_db(fields=[self.field.attname])
        value = row.__dict__[self.field.attname]
        if isinstance(value, Sealed):
            value = json.loads(unseal(bytes(value), belongs_to=self.field.place(row)))
            row.__dict__[self.field.attname] = value
        return value

    def __set__(self, row: models.Model, value: Any) -> None:
        row.__dict__[self.field.attname] = value


class EncryptedJSONField(models.BinaryField):  # type: ignore[type-arg]  # not subscriptable at run time
    """Any JSON value or text, sealed for (table, column, row id) under its subject's data key.

    `subject` is the lookup that leads from the row to the id of the subject, for instance "document__owner_id".
    The row's key must be known before it is saved (UUID keys are). It can't be filtered on and can't be written by
    `queryset.update`, which does not know the row.
    """

    def __init__(self, *args: Any, subject: str = "", **kwargs: Any) -> None:
        kwargs["editable"] = False
        self.subject = subject  # blank in migrations, where nothing is sealed
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, kwargs

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _OpenedAttribute(self))

    def place(self, row: models.Model) -> str:
        return f"{row._meta.db_table}.{self.column}.{row.pk}"

    def subject_of(self, row: models.Model) -> uuid.UUID:
        found: Any = row
        for step in self.subject.split("__"):
            found = getattr(found, step)
        return uuid.UUID(str(found))

    def from_db_value(
        self, value: bytes | memoryview | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        subject, place = self.subject_of(model_instance), self.place(model_instance)
        return Sealed(seal(json.dumps(value).encode(), subject=subject, belongs_to=place))

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, Sealed):
            raise TypeError(f"{self.name} is sealed for its row: set it there and save(), never update() or filter()")
        return super().get_db_prep_value(value, connection, prepared)

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError(f"{self.name} is personal and is not serialised")
