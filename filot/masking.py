"""Nothing personal and no secret in a log line: by key and by pattern, at any depth. Pure: no Django."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from urllib.parse import quote
from uuid import UUID

from filot.error_texts import error_text

GONE = "***"
MAX_DEPTH = 8
LARGEST_COUNT = 9999
NUMBER_DIGITS = 15  # an old NPWP; a NIK has 16. Longer runs may be two of them.

# Compared without case, "_" and "-": fields of cards (contract, section 3) and people, texts that hold them.
_PERSONAL = """
    nik npwp npwpnumber npwp16 name fullname firstname lastname displayname username birthplace birthdate
    gender bloodtype address rtrw village district religion maritalstatus occupation nationality province regency
    issuedplace email mail phone mobile msisdn text ocrtext lines fields raw value proposed parseddata
    note notes reviewernotes body payload params access refresh signature xbuli2signature xservicekey
    credential useragent httpuseragent
"""
PERSONAL_KEYS = frozenset(_PERSONAL.split())
SECRET_WORDS = ("password", "passwd", "secret", "token", "apikey", "authorization", "cookie", "privatekey")
_PERSONAL_WORD = "nik|npwp(?:16|_?number)?|name|full_?name|birth_?(?:place|date)|address|e?mail|phone"
_GUARDED_WORD = r"\w*(?:password|passwd|secret|token|api_?key|authorization)"

_SEPARATOR = r"[ \t.\-/\u00a0\u2010-\u2015]{0,2}"
# What only looks like a number: passed over, so that lines can be followed and dated.
_HARMLESS = (
    r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?![0-9a-fA-F])"
    r"|(?<!\d)\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?(?!\d)"
)
_NUMBERS = re.compile(
    rf"(?P<harmless>{_HARMLESS})"
    rf"|(?P<number>\d(?:{_SEPARATOR}\d){{{NUMBER_DIGITS - 1},}})"
    r"|(?P<phone>\+62[ \-.()]{0,2}\d(?:[ \-.()]{0,2}\d){6,12}"
    r"|(?<!\d)(?<!\d\.)(?:62|0)8\d(?:[ \-.]?\d){6,10}(?!\d))"
)
# Most values are words of ours, ids and digests: none of the rules below has anything to find in one that is no more.
_PLAIN = re.compile(rf"[a-z_.]{{0,64}}|[A-Z_]{{0,32}}|{_HARMLESS}")
_TEXT_RULES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\beyJ[\w\-]{5,}(?:\.[\w\-]*){1,4}"), GONE),  # JWT
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w\-.~+/=]{6,}"), rf"\1 {GONE}"),
    (re.compile(r"://[^\s/@]{1,200}@"), f"://{GONE}@"),  # user and password of an address
    (re.compile(r"[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63})+"), GONE),  # e-mail
    (re.compile(r"/files/[^\s\"'?]+"), f"/files/{GONE}"),  # a download link is a key for its file
    (re.compile(r"(/[^\s?\"']{0,500})\?[^\s\"'>]+"), rf"\1?{GONE}"),  # searches for names, presigned links
    # Addresses of ours need no escapes: what is escaped in one was put there by somebody.
    (re.compile(r"(?<=/)[^\s/?\"'<>]{0,500}%[0-9A-Fa-f]{2}[^\s/?\"'<>]*"), GONE),
    # PostgreSQL repeats the values of the row or query that it refuses.
    (re.compile(r"(?m)\b(DETAIL|CONTEXT|LINE \d+):.*$"), rf"\1: {GONE}"),
    (
        re.compile(rf"(?i)(?<![a-z])(['\"]?)({_PERSONAL_WORD}|{_GUARDED_WORD})\1(\s*[:=]\s*)(['\"])(?:(?!\4).)*\4"),
        rf"\1\2\1\3\4{GONE}\4",
    ),
    (re.compile(rf"(?i)(?<![a-z])(nik|npwp|{_GUARDED_WORD})(\s*[:=]\s*)[^\s,;'\"&)}}\]>]+"), rf"\1\2{GONE}"),
]


class Mask:
    """Cleans log events. Safe to repeat: a cleaned value stays as it is."""

    def __init__(self, secrets: Sequence[str]) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in (secret, quote(secret, safe=""))}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._secrets = re.compile("|".join(re.escape(word) for word in longest_first)) if longest_first else None

    def text(self, text: str) -> str:
        if self._secrets:
            text = self._secrets.sub(GONE, text)
        if _PLAIN.fullmatch(text):
            return text
        for pattern, replacement in _TEXT_RULES:
            text = pattern.sub(replacement, text)
        return _NUMBERS.sub(_mask_number, text)

    def mapping(self, values: Mapping[Any, Any], *, keep: Iterable[str] = (), depth: int = 0) -> dict[str, Any]:
        """The same keys as strings, each value masked by its key or content; those of `keep` stay."""
        return {
            key if key in keep else self.text(str(key)): value if key in keep else self._by_key(str(key), value, depth)
            for key, value in values.items()
        }

    def _by_key(self, key: str, value: Any, depth: int) -> Any:
        plain = key.replace("_", "").replace("-", "").lower()
        if plain not in PERSONAL_KEYS and not any(word in plain for word in SECRET_WORDS):
            return self.value(value, depth + 1)
        if value is None or isinstance(value, bool) or value in ("", [], {}):
            return value
        if isinstance(value, int) and abs(value) <= LARGEST_COUNT and plain in PERSONAL_KEYS:
            return value  # how many fields, lines ...
        return mask_digits(str(value)) if plain.startswith(("nik", "npwp")) else GONE

    def value(self, value: Any, depth: int = 0) -> Any:
        """JSON-ready and masked; objects by their text, so that no renderer prints them unmasked later."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int) and not isinstance(value, Enum):
            return value if len(str(abs(value))) < NUMBER_DIGITS else mask_digits(str(value))
        if depth > MAX_DEPTH:
            return GONE
        if isinstance(value, Mapping):
            return self.mapping(value, depth=depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth + 1) for item in value]
        if isinstance(value, BaseException):
            return self.text(error_text(value))
        if isinstance(value, str | UUID | datetime | date | time | Decimal | PurePath | Enum):
            return self.text(str(value))
        return self.text(_repr(value))


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # a log line must not fail over what it was given
        return f"<{type(value).__name__}: {type(error).__name__}>"


def mask_digits(number: str) -> str:
    """The first 4 and the last 4 digits of an identity number; nothing of something shorter."""
    digits = [character for character in number if character.isdigit()]
    if len(digits) < NUMBER_DIGITS:
        return GONE
    return f"{''.join(digits[:4])}{'*' * (len(digits) - 8)}{''.join(digits[-4:])}"


def _mask_number(match: re.Match[str]) -> str:
    if match["harmless"]:
        return match[0]
    return mask_digits(match[0]) if match["number"] else GONE
