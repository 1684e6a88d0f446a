"""Delete stored objects that no row names: what uploads that were never committed left behind. Beat does it hourly."""

from typing import Any

from django.core.management.base import BaseCommand

from documents.services import sweep_originals


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"swept: {sweep_originals()}")
