"""The review application."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from review.first_reasons import make_first_reasons


class ReviewConfig(AppConfig):
    name = "review"

    def ready(self) -> None:
        post_migrate.connect(make_first_reasons, sender=self)
