"""The reasons to reject that FiLot comes with: rows of the table, where there is none of that code yet."""

from typing import Any

from django.apps import apps as present_apps
from django.db import transaction

# code, kind, (text for the reviewer, text for the client) in English, the same in Indonesian
FIRST: list[tuple[str, str, tuple[str, str], tuple[str, str]]] = [
    (
        "unreadable",
        "RETRY",
        ("The card can't be read", "The card can't be read. Take the picture again."),
        ("Kartu tidak terbaca", "Kartu tidak terbaca. Silakan foto ulang."),
    ),
    (
        "incomplete",
        "RETRY",
        ("Part of the card is missing or covered", "Part of the card is missing or covered."),
        ("Sebagian kartu terpotong atau tertutup", "Sebagian kartu terpotong atau tertutup."),
    ),
    (
        "wrong_document",
        "RETRY",
        ("Not the kind of document it claims to be", "This is not the kind of document that was asked for."),
        ("Bukan jenis dokumen yang dinyatakan", "Ini bukan jenis dokumen yang diminta."),
    ),
    (
        "copy_or_screen",
        "RETRY",
        ("Photo of a screen or of a copy", "Take the picture of the card itself, not of a copy or screen."),
        ("Foto layar atau fotokopi", "Foto kartu aslinya, bukan fotokopi atau layar."),
    ),
    (
        "expired",
        "FINAL",
        ("The card is no longer valid", "The card is no longer valid."),
        ("Kartu tidak berlaku lagi", "Kartu tidak berlaku lagi."),
    ),
    (
        "mismatch",
        "FINAL",
        ("The data do not agree with each other", "The document could not be accepted."),
        ("Data tidak saling cocok", "Dokumen tidak dapat diterima."),
    ),
    (
        "suspected_fraud",
        "FINAL",
        ("Signs of editing or of fraud", "The document could not be accepted."),
        ("Ada tanda suntingan atau penipuan", "Dokumen tidak dapat diterima."),
    ),
]


def make_first_reasons(apps: Any = present_apps, using: str = "default", **kwargs: Any) -> None:
    """After `migrate`, with the models as they stand then. Safe to repeat; nothing that is there is changed."""
    try:
        reason_model, text_model = (
            apps.get_model("review", "RejectReason"),
            apps.get_model("review", "RejectReasonText"),
        )
    except LookupError:  # migrated back to before there was a table
        return
    with transaction.atomic(using=using):
        for position, (code, kind, english, indonesian) in enumerate(FIRST, start=1):
            if reason_model.objects.using(using).filter(code=code).exists():
                continue
            reason = reason_model.objects.using(using).create(code=code, position=position, kind=kind)
            for language, (text, public) in (("en", english), ("id", indonesian)):
                text_model.objects.using(using).create(reason=reason, language=language, text=text, public=public)
