"""The queue's filters."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from review.console import today
from review.models import Review


class StateFilter(admin.SimpleListFilter):
    """Waiting cases unless something else is asked for."""

    title = _("state")
    parameter_name = "state"
    choices_shown: ClassVar[list[tuple[str | None, str | Promise]]] = [
        (None, _("Waiting")),
        ("today", _("Decided today")),
        ("decided", _("Decided")),
        ("all", _("All")),
    ]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, name) for value, name in self.choices_shown if value]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for value, name in self.choices_shown:
            query = changelist.get_query_string({self.parameter_name: value} if value else {}, [self.parameter_name])
            yield {"selected": self.value() == value, "query_string": query, "display": name}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        match self.value():
            case "today":
                return queryset.filter(decided_at__gte=today())
            case "decided":
                return queryset.exclude(decision="")
            case "all":
                return queryset
        return queryset.filter(decision="")


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in settings.DOCUMENT_TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        return queryset.filter(document__type=self.value()) if self.value() else queryset


class DueFilter(admin.SimpleListFilter):
    title = _("deadline")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("overdue", _("Overdue")), ("later", _("Not yet due"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        if self.value() == "overdue":
            return queryset.filter(due_at__lt=timezone.now(), decision="")
        return queryset.filter(due_at__gte=timezone.now()) if self.value() == "later" else queryset


class EscalatedFilter(admin.SimpleListFilter):
    title = _("escalated")
    parameter_name = "escalated"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        return queryset.filter(escalated_at__isnull=self.value() == "no") if self.value() else queryset
