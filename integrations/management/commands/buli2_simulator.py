"""Run the BULI2 simulator: a stand-in for the partner in development and sandboxes."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations.simulator import BANNER, BuliSimulator
from integrations.simulator_desk import Desk
from integrations.simulator_faults import Fault

PORT = 8090


class Command(BaseCommand):
    help = "Runs a SIMULATOR of BULI2 with a page where you approve and reject. Refused in production."
    requires_system_checks = []  # it needs neither database nor Redis

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=PORT)
        parser.add_argument(
            "--decide",
            type=_rule,
            default="",
            metavar="RULE",
            help="decide every new review: approved, rejected, or score:70 (approved from that score on)",
        )
        parser.add_argument("--after", type=float, default=0, help="seconds before --decide does")
        parser.add_argument(
            "--fail", action="append", default=[], metavar="KIND[=SECONDS]:TIMES", help=Fault.parse.__doc__
        )
        parser.add_argument(
            "--early", action="store_true", help="decide and call back before the submission is answered"
        )
        parser.add_argument(
            "--log", type=Path, help="file for one JSON line per effect, ids only; what it held is remembered from it"
        )
        parser.add_argument("--repeat", type=int, default=1, help="copies of each callback, at the same time")
        parser.add_argument("--hold", type=float, default=0, help="gather callbacks so long, then send the last first")
        parser.add_argument("--contrary", action="store_true", help="call back with the contrary afterwards")
        parser.add_argument("--mixed", action="store_true", help="compact and spaced JSON, with and without sha256=")
        parser.add_argument("--both-secrets", action="store_true", help="sign with the older secret every other time")
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
                early=options["early"],
                faults=faults,
                log_file=options["log"],
            )
            desk.change({name: options[name] for name in ("repeat", "hold", "contrary", "mixed")})
            if options["both_secrets"]:
                desk.change({"other_secret": settings.BULI2_SIGNATURE_SECRETS[-1]})
            simulator = BuliSimulator(host=options["host"], port=options["port"], desk=desk)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.WARNING(f"{BANNER}\n{simulator.url}/"))
        try:
            simulator.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("BULI2 simulator stopped.")


def _rule(text: str) -> str:
    words, _, score = text.partition(":")
    if text in ("", "approved", "rejected") or (words == "score" and score.isdigit()):
        return text
    raise ArgumentTypeError(f"{text!r} is no rule")
