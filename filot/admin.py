"""Accounts and roles: API clients and staff. Every change of who may what stands in the audit trail."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_static.admin import StaticDeviceAdmin
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice

from documents.audit import note
from filot import second_factor
from filot.models import User

if TYPE_CHECKING:
    UserAdmin = DjangoUserAdmin[User]
    GroupAdmin = DjangoGroupAdmin
else:
    UserAdmin, GroupAdmin = DjangoUserAdmin, DjangoGroupAdmin

# Their pages show keys; importing them here registers them, and so they can be taken away. Axes has a setting for it.
HIDDEN = {TOTPDevice: TOTPDeviceAdmin, StaticDevice: StaticDeviceAdmin}
admin.site.unregister([*HIDDEN, Group])


def rights_of_account(user: User) -> dict[str, Any]:
    """What decides what an account may, as codes."""
    direct = user.user_permissions.values_list("content_type__app_label", "codename")
    return {
        "groups": sorted(str(pk) for pk in user.groups.values_list("pk", flat=True)),
        "direct": sorted(f"{app}.{codename}" for app, codename in direct),
        "active": user.is_active,
        "staff": user.is_staff,
        "superuser": user.is_superuser,
    }


def rights_of_group(group: Group) -> list[str]:
    granted = group.permissions.values_list("content_type__app_label", "codename")
    return sorted(f"{app}.{codename}" for app, codename in granted)


@admin.register(User)
class AccountAdmin(UserAdmin):
    list_display = ("username", "display_name", "issuer", "is_active", "is_staff", "second_factor_at", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("username", "display_name")
    readonly_fields = ("issuer", "subject", "last_login", "date_joined", "second_factor_at")
    actions = ("reset_second_step",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Person or client"), {"fields": ("display_name", "email", "issuer", "subject")}),
        (gettext_lazy("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (gettext_lazy("Times"), {"fields": ("last_login", "date_joined", "second_factor_at")}),
    )

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """In the transaction of the page: what was before, for `save_related`, which comes after it."""
        before = rights_of_account(User.objects.get(pk=obj.pk)) if change else {}
        request.rights_before = before  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user: User = form.instance
        after = rights_of_account(User.objects.get(pk=user.pk))
        before: dict[str, Any] = request.rights_before  # type: ignore[attr-defined]
        if changed := {name: value for name, value in after.items() if before.get(name) != value}:
            action = "account.rights_changed" if change else "account.made"
            note(action, actor=str(request.user.pk), subject=str(user.pk), **changed)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        with transaction.atomic():
            pk = str(obj.pk)
            super().delete_model(request, obj)
            note("account.deleted", actor=str(request.user.pk), subject=pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        with transaction.atomic():
            keys = [str(pk) for pk in queryset.values_list("pk", flat=True)]
            super().delete_queryset(request, queryset)
            for pk in keys:
                note("account.deleted", actor=str(request.user.pk), subject=pk)

    @admin.action(description=gettext_lazy("Reset the second step of the log-in"), permissions=["change"])
    def reset_second_step(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            second_factor.reset(user, actor=str(request.user.pk))
        messages.success(request, _("They enrol anew at their next log-in."))


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """Roles: `manage.py setup_roles` makes the five that FiLot knows."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = rights_of_group(form.instance) if change else []
        super().save_related(request, form, formsets, change)
        after = rights_of_group(form.instance)
        if before != after or not change:
            note(
                "role.changed",
                actor=str(request.user.pk),
                subject=str(form.instance.pk),
                granted=sorted(set(after) - set(before)),
                taken=sorted(set(before) - set(after)),
            )

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        with transaction.atomic():
            pk = str(obj.pk)
            super().delete_model(request, obj)
            note("role.deleted", actor=str(request.user.pk), subject=pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        with transaction.atomic():
            keys = [str(pk) for pk in queryset.values_list("pk", flat=True)]
            super().delete_queryset(request, queryset)
            for pk in keys:
                note("role.deleted", actor=str(request.user.pk), subject=pk)
