"""Run the BULI2 simulator: a stand-in for the partner in development and sandboxes."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations.simulator import BANNER, BuliSimulator
from integrations.simulator_desk import Desk, Fault

PORT = 8090


class Command(BaseCommand):
    help = "Runs a SIMULATOR of BULI2 with a page where you approve and reject. Refused in production."
    requires_system_checks = []  # it needs neither database nor Redis

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=PORT)
        parser.add_argument("--decide", choices=["approved", "rejected"], default="", help="decide every new review")
        parser.add_argument("--after", type=float, default=0, help="seconds before --decide does")
        parser.add_argument(
            "--fail", action="append", default=[], metavar="KIND[=SECONDS]:TIMES", help=Fault.parse.__doc__
        )
        parser.add_argument("--log", type=Path, help="file for one JSON line per effect; ids only")
        parser.add_argument("--callback-secret", default="", help="default: BULI2_SIGNATURE_SECRET")
        parser.add_argument("--no-timestamp", action="store_true", help="sign without x-buli2-timestamp")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The BULI2 simulator does not run in production.")
        secret = options["callback_secret"] or next(iter(settings.BULI2_SIGNATURE_SECRETS), "")
        if not secret:
            raise CommandError("Callbacks can't be signed: set BULI2_SIGNATURE_SECRET or give --callback-secret.")
        try:
            faults = [Fault.parse(text) for text in options["fail"]]
            desk = Desk(
                secret=secret,
                service_key=settings.SERVICE_INTERNAL_KEY,
                send_timestamp=not options["no_timestamp"],
                decide_as=options["decide"],
                decide_after=options["after"],
                faults=faults,
                log_file=options["log"],
            )
            simulator = BuliSimulator(host=options["host"], port=options["port"], desk=desk)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.WARNING(f"{BANNER}\n{simulator.url}/"))
        try:
            simulator.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("BULI2 simulator stopped.")
