"""`python -m tests.torture.launch MODULE ARGUMENTS`: run a program of FiLot with faults put into it from outside.

TORTURE_ENGINE=1 makes the stand-in known as an engine; TORTURE_ARM names the file by which `exits` is armed;
TORTURE_DECODER names a function of the sandbox that takes the place of decoding for poisoned files.
"""

import os
import runpy
import sys

from ocr_gpu.engine import ENGINES
from tests.torture.stand_in import NAME


def main() -> None:
    ENGINES[NAME] = "tests.torture.stand_in:StandInEngine"
    if arm := os.environ.get("TORTURE_ARM"):
        from tests.torture import exits

        exits.install(arm)
    if function := os.environ.get("TORTURE_DECODER"):
        from tests.torture import decoder

        decoder.install(function)
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
