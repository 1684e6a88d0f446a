"""Who uses FiLot: API clients, compliance staff and operators, all with a UUID key."""

import uuid
from binascii import unhexlify

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from documents.encrypted import EncryptedJSONField


class Zone(models.TextChoices):
    """The three of Indonesia, under the names that people there use."""

    WIB = "Asia/Jakarta", "WIB (Jakarta, UTC+7)"
    WITA = "Asia/Makassar", "WITA (Makassar, UTC+8)"
    WIT = "Asia/Jayapura", "WIT (Jayapura, UTC+9)"


class Language(models.TextChoices):
    id = "id", "Bahasa Indonesia"
    en = "en", "English"


class User(AbstractUser):
    """A person or client. Users of an outside identity provider are found by (issuer, subject), never by e-mail."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    issuer = models.CharField(max_length=255, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    display_name = models.CharField(max_length=150, blank=True)
    # What an identity provider says of a person stands in no plain column; staff and clients of ours are named there.
    profile = EncryptedJSONField(
        subject="id", null=True, blank=True, help_text="{display_name, email} of an outside user"
    )
    second_factor_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when the second step of the log-in was set up"
    )
    # How this user wants the console. A default in the database too: processes of the version before write rows.
    language = models.CharField(max_length=2, choices=Language, blank=True, default="", db_default="")
    time_zone = models.CharField(max_length=32, choices=Zone, default=Zone.WIB, db_default=Zone.WIB)
    keys_on = models.BooleanField(default=True, db_default=True, help_text=_("single keys act on the console's pages"))
    keys = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="{action: key} of the changed",
    )

    @property
    def told(self) -> dict[str, str]:
        """`display_name` and `email` as the identity provider says them, else as the account has them."""
        known = {"display_name": self.display_name, "email": self.email}
        return {**known, **{name: value for name, value in (self.profile or {}).items() if value}}

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "subject"], condition=~models.Q(subject=""), name="one_user_per_outside_subject"
            )
        ]


class AppKey(models.Model):
    """The secret that a member of staff's authenticator app holds too, as hex; gone with their enrolment."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="app_key")
    key = EncryptedJSONField(subject="user_id")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)


class AppDevice(TOTPDevice):  # type: ignore[misc]  # django-otp has no types
    """django-otp's device (steps, drift, pauses after wrong codes), whose own column for the key stays empty."""

    class Meta:
        proxy = True
        default_permissions = ()

    @property
    def bin_key(self) -> bytes:
        """Raises CannotOpen, KeysUnavailable."""
        return unhexlify(AppKey.objects.get(user=self.user_id).key)


class ApiLogin(models.Model):
    """One login of an API client, and which of its refresh tokens is the good one; no token stands here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_logins")
    token_id = models.UUIDField()  # `jti`
    password_mark = models.CharField(max_length=64)  # changes with the password: HMAC of its hash
    created_at = models.DateTimeField(auto_now_add=True)
    renewed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=32, blank=True)

    def __str__(self) -> str:
        return str(self.pk)
