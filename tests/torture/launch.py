"""`python -m tests.torture.launch MODULE ARGUMENTS`: run a program of FiLot with faults put into it from outside.

The stand-in is known as an engine; TORTURE_ARM names the file by which `exits` is armed; TORTURE_CLOCK puts Django's
clock ahead by so many seconds; TORTURE_POISON=1 makes `decoder` do to poisoned files what they are poisoned with.
"""

import os
import runpy
import sys
from datetime import timedelta

from django.utils import timezone

from ocr_gpu.engine import ENGINES
from tests.torture.stand_in import NAME


def main() -> None:
    ENGINES[NAME] = "tests.torture.stand_in:StandInEngine"
    if arm := os.environ.get("TORTURE_ARM"):
        from tests.torture import exits

        exits.install(arm)
    if os.environ.get("TORTURE_POISON"):
        from tests.torture import decoder

        decoder.install()
    if ahead := float(os.environ.get("TORTURE_CLOCK", "0")):
        now = timezone.now
        timezone.now = lambda: now() + timedelta(seconds=ahead)
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
