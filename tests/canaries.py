"""Values that must turn up nowhere, in every way of writing them, and the places where they could."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import numpy as np
import redis

SHORTEST = 8  # bytes: anything shorter turns up by chance
PIECE = 1 << 20  # bytes that are looked at at once
SEPARATORS = (" ", ".", "-", "")


class Hit(NamedTuple):
    place: str
    spelling: str
    around: str


def spellings(value: str) -> set[bytes]:
    """Every way in which `value` may be written: cases, separators, escapes, encodings."""
    texts = {value, value.lower(), value.upper(), value.title()}
    if value.isdigit():
        groups = (4, 6, 2)
        for separator in SEPARATORS:
            texts |= {separator.join(re.findall(f".{{1,{size}}}", value)) for size in groups}
    else:
        texts |= {separator.join(text.split()) for text in set(texts) for separator in (*SEPARATORS, "_")}
    written = set(texts)
    for text in texts:
        written |= {quote(text), quote_plus(text), html.escape(text), json.dumps(text)[1:-1]}
        written.add("".join(f"\\u{ord(character):04x}" for character in text))
    found = {text.encode() for text in written} | {text.encode("utf-16-le") for text in texts}
    for text in texts:
        raw = text.encode()
        found |= {raw.hex().encode(), raw.hex().upper().encode(), *_base64(raw)}
    return {spelling for spelling in found if len(spelling) >= SHORTEST}


def _base64(raw: bytes) -> set[bytes]:
    """What is left of it inside any longer text that was encoded, whichever byte it begins at."""
    found = set()
    for shift in range(3):
        start, end = (shift * 4 + 2) // 3 if shift else 0, (shift + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(bytes(shift) + raw)[start:end])
    return found


class Search:
    """All spellings of all values in one pass: by the number that their first eight bytes are.

    A regular expression tries each of fifty thousand spellings at each byte, which takes hours for 200 cards.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self.words = sorted({spelling for value in values for spelling in spellings(value)}, key=len, reverse=True)
        self._by_beginning: dict[bytes, list[bytes]] = {}
        for word in self.words:
            self._by_beginning.setdefault(word[:SHORTEST], []).append(word)
        self._beginnings = np.sort(np.frombuffer(b"".join(self._by_beginning), "<u8"))

    def in_bytes(self, place: str, data: bytes, most: int = 5) -> list[Hit]:
        hits = []
        for at in self._candidates(data):
            found = self._by_beginning[data[at : at + SHORTEST]]
            word = next((word for word in found if data.startswith(word, at)), None)
            if word is not None:
                around = data[max(0, at - 60) : at + len(word) + 60]
                hits.append(Hit(place, word.decode(errors="replace"), around.decode(errors="replace")))
            if len(hits) >= most:
                break
        return hits

    def _candidates(self, data: bytes) -> Iterator[int]:
        """Where eight bytes stand that one of the spellings begins with."""
        for start in range(0, len(data) - SHORTEST + 1, PIECE):
            count = min(PIECE, len(data) - SHORTEST + 1 - start)
            eights = np.ndarray((count,), "<u8", data, start, (1,))
            nearest = np.searchsorted(self._beginnings, eights).clip(max=len(self._beginnings) - 1)
            yield from (start + int(at) for at in np.flatnonzero(self._beginnings[nearest] == eights))


def everything_in_redis(url: str) -> bytes:
    """Each key and its value, whatever kind it is."""
    client = redis.Redis.from_url(url)
    parts = []
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        parts += [
            key,
            {
                b"string": lambda key: client.get(key) or b"",
                b"list": lambda key: b"\n".join(client.lrange(key, 0, -1)),
                b"set": lambda key: b"\n".join(client.smembers(key)),
                b"hash": lambda key: b"\n".join(part for pair in client.hgetall(key).items() for part in pair),
                b"zset": lambda key: b"\n".join(client.zrange(key, 0, -1)),
            }.get(kind, lambda key: client.dump(key) or b"")(key),
        ]
    return b"\n".join(parts)
