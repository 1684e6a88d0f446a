"""The end of a worker: how long a document may still be read after SIGTERM, for a process and those forked from it."""

import mmap
import struct
import time

_CLOCK = struct.Struct("d")


class Stopping(BaseException):
    """What is being read is to be given back now. No Exception: nobody on its way may take it for a failed reading."""


class StopSign:
    """Set once, by a signal handler; seen by this process and by all that are forked from it, before or after."""

    def __init__(self) -> None:
        self._since = mmap.mmap(-1, _CLOCK.size)  # shared with children, as ordinary memory is not

    def set(self, *, at_once: bool = False) -> None:
        """From now on, or as if it had been set long ago."""
        if at_once:
            _CLOCK.pack_into(self._since, 0, float("-inf"))
        elif self.seconds() is None:
            _CLOCK.pack_into(self._since, 0, time.monotonic())

    def clear(self) -> None:
        _CLOCK.pack_into(self._since, 0, 0.0)

    def seconds(self) -> float | None:
        """Since it was set; None before."""
        since: float = _CLOCK.unpack_from(self._since)[0]
        return time.monotonic() - since if since else None


sign = StopSign()
