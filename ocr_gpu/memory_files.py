"""Whole reads and writes on a descriptor of a memory file, whatever its current position."""

import os


def write_whole(descriptor: int, *pieces: bytes) -> None:
    for piece in pieces:
        view = memoryview(piece)
        while view:
            view = view[os.write(descriptor, view) :]


def read_whole(descriptor: int) -> bytearray:
    body = bytearray(os.fstat(descriptor).st_size)
    view = memoryview(body)
    done = 0
    while done < len(body):
        done += os.preadv(descriptor, [view[done:]], done)
    return body
