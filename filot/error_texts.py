"""What a log line may tell of an exception: its type always, its message only where that can't hold a value of a card.

"invalid literal for int(): 'BUDI ...'": whatever refuses a value repeats it, and no pattern knows a name by sight. So
messages are kept by who wrote them: parts that are away or misused say what is wrong with them; ours hold ids and
codes. Of what PostgreSQL refuses the state, table, column and constraint are told instead. Pure: no Django.
"""

import traceback
from typing import Any

GONE = "***"
OURS = ("documents", "filot", "integrations", "ocr_gpu", "privacy", "review", "verification")
# By name, so that nothing is imported for it; a subclass counts as what it is one of.
TELLING = frozenset(
    [
        "builtins.OSError",
        "builtins.ImportError",
        "builtins.AttributeError",
        "builtins.NameError",
        "builtins.TypeError",
        "builtins.MemoryError",
        "builtins.RecursionError",
        "builtins.NotImplementedError",
        "builtins.SystemExit",
        "psycopg.OperationalError",
        "psycopg.InterfaceError",
        "psycopg_pool.PoolTimeout",
        "django.db.utils.OperationalError",
        "django.db.utils.InterfaceError",
        "django.core.exceptions.ImproperlyConfigured",
        "django.core.exceptions.ObjectDoesNotExist",
        "django.core.exceptions.FieldError",
        "django.core.management.base.CommandError",
        "django.template.exceptions.TemplateDoesNotExist",
        "redis.exceptions.ConnectionError",
        "redis.exceptions.TimeoutError",
        "kombu.exceptions.OperationalError",
        "botocore.exceptions.BotoCoreError",
        "botocore.exceptions.ClientError",
        "temporalio.service.RPCError",
        "subprocess.TimeoutExpired",
        "concurrent.futures._base.TimeoutError",
        "jwt.exceptions.PyJWKClientConnectionError",
    ]
)
FACTS = ("sqlstate", "table_name", "column_name", "constraint_name")
LONGEST = 2000  # characters of one message
MOST_IN_CHAIN = 10


def error_text(error: BaseException) -> str:
    """One line: the type, and what may be told of why."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if _is_telling(kind):
        message = _message(error)
        return f"{name}: {message}" if message else name
    diagnosis = getattr(error, "diag", None)
    facts = [f"{fact}={value}" for fact in FACTS if (value := getattr(diagnosis, fact, None))]
    return f"{name}: {GONE}{' (' + ', '.join(facts) + ')' if facts else ''}"


def _is_telling(kind: type[BaseException]) -> bool:
    if kind.__module__.partition(".")[0] in OURS:
        return True
    return any(f"{each.__module__}.{each.__qualname__}" in TELLING for each in kind.__mro__)


def _message(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST]
    except Exception as failed:  # a log line must not fail over what it was given
        return type(failed).__name__


def traceback_text(error: BaseException) -> str:
    """As Python prints it, the first cause first, with error_text in place of the message."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < MOST_IN_CHAIN:
        seen.add(id(current))
        frames = "".join(traceback.format_tb(current.__traceback__))
        head = "Traceback (most recent call last):\n" if frames else ""
        parts.append(f"{head}{frames}{error_text(current)}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\nwhich led to\n\n".join(reversed(parts))


def render_error(exc_info: Any) -> str:
    """Of an exc_info triple, as structlog's ExceptionRenderer asks."""
    error = exc_info[1]
    return traceback_text(error) if error is not None else ""


def without_messages(args: Any) -> Any:
    """The arguments of a line of the standard library, with exceptions among them told as error_text tells them."""
    if isinstance(args, tuple):
        return tuple(error_text(each) if isinstance(each, BaseException) else each for each in args)
    if isinstance(args, dict):
        return {name: error_text(each) if isinstance(each, BaseException) else each for name, each in args.items()}
    return args
