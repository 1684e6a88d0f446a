"""Have Temporal know the attributes that review workflows are found by. Safe to repeat; the worker does it too.

Temporal Cloud lets only its own tools add them: then the commands to type are printed.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations import temporal
from review import workflow_words as words


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            missing = temporal.missing_search_attributes(words.SEARCH_ATTRIBUTES)
        except temporal.TemporalUnavailable as error:
            raise CommandError(f"Temporal at {settings.TEMPORAL_ADDRESS} does not answer: {error}") from error
        for name in words.SEARCH_ATTRIBUTES:
            self.stdout.write(f"{name}: {'missing' if name in missing else 'known'}")
        if missing:
            pairs = " ".join(f"--search-attribute {name}=Keyword" for name in missing)
            names = " ".join(f"--name {name}" for name in missing)
            raise CommandError(
                "The server lets nobody add them here. On Temporal Cloud:\n"
                f"tcld namespace search-attributes add --namespace {settings.TEMPORAL_NAMESPACE} {pairs}\n"
                "On a cluster of your own, as whoever may:\n"
                "temporal operator search-attribute create"
                f" --namespace {settings.TEMPORAL_NAMESPACE} --type Keyword {names}"
            )
