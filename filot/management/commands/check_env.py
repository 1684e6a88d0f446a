"""`manage.py check_env`: which variables are missing, weak or unknown. Never prints a value."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from dotenv import dotenv_values

from filot import checks
from filot.env import PROJECT_DIR, Env, Place
from filot.settings import env

# Variables that begin so are meant for FiLot: an unknown one is probably misspelt.
PREFIXES = (
    "AI_SCORE_",
    "BULI2_",
    "CF_R2_",
    "CLOUDWATCH_",
    "FILOT_",
    "JWKS_",
    "JWT_",
    "METRICS_",
    "OCR_",
    "RATE_LIMIT_",
    "TEMPORAL_",
)


class Command(BaseCommand):
    help = "Print missing, weak and unknown environment variables; exit 1 when something must be put right."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        must = checks.problems() + [f"{name} is in .env and unknown" for name in unknown_in_file()]
        unknown = [f"{name} is set and unknown: misspelt?" for name in unknown_in_process()]
        may = list(unknown)
        if env.filot_env is not Place.production:
            in_production = env.model_copy(update={"filot_env": Place.production})
            may += [f"in production: {sentence}" for sentence in in_production.problems()]
        for sentence in must:
            self.stdout.write(self.style.ERROR(f"must  {sentence}"))
        for sentence in may:
            self.stdout.write(f"note  {sentence}")
        if must:
            raise CommandError(f"{len(must)} of the variables must be put right")
        rest = "nothing missing or weak" if unknown else "nothing missing, weak or unknown"
        self.stdout.write(self.style.SUCCESS(f"{env.filot_env.value}: {rest}"))


def known_names() -> set[str]:
    """Every variable that FiLot reads, older names included."""
    names = {name.upper() for name in Env.model_fields}
    for field in Env.model_fields.values():
        names |= {str(choice) for choice in getattr(field.validation_alias, "choices", [])}
    return names


def unknown_in_file() -> list[str]:
    return sorted({name.upper() for name in dotenv_values(PROJECT_DIR / ".env")} - known_names())


def unknown_in_process() -> list[str]:
    ours = {name for name in os.environ if name.startswith(PREFIXES) and not name.startswith("FILOT_TEST_")}
    return sorted(ours - known_names())
