"""`manage.py make_env`: the production sample with a fresh secret for each placeholder. Prints, and keeps nothing."""

import base64
import re
import secrets
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from filot.env import PROJECT_DIR

SAMPLE = PROJECT_DIR / "deploy" / "production.env.sample"
MAKERS: dict[str, Callable[[], str]] = {
    "<secret>": lambda: secrets.token_urlsafe(48),
    "<password>": lambda: secrets.token_urlsafe(24),  # stands in URLs
    "<key>": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
}


class Command(BaseCommand):
    help = "Print deploy/production.env.sample with a fresh secret for each placeholder: manage.py make_env > .env"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        lines = SAMPLE.read_text().splitlines()
        self.stdout.write("\n".join(line if line.startswith("#") else filled(line) for line in lines))


def filled(line: str) -> str:
    return re.sub("|".join(MAKERS), lambda placeholder: MAKERS[placeholder[0]](), line)
