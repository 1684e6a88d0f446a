"""What production refuses beside what is missing: secrets to be guessed, ways to be listened to, open doors.

Pure functions over the values of `filot.env`; every sentence names its variable first and shows no value.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from filot.env import Env

FEWEST_CHARACTERS = 10  # different ones in a secret; "changeme" has seven
FEWEST_BYTES = 12  # different ones in a key of 32 random bytes: fewer do not come up by chance
SHORTEST_TOKEN = 16
# Words of a secret that nobody drew at random; a random text of 64 letters has one in several hundred thousand cases.
NOT_RANDOM = re.compile(r"change.?me|replace|password|secret|example|placeholder|insecure|default|filot|<|>", re.I)
SECRETS = (
    "secret_key",
    "jwt_secret",
    "jwt_secret_previous",
    "buli2_signature_secret",
    "buli2_signature_secret_previous",
    "buli2_api_key",
    "service_internal_key",
    "metrics_token",
)
KEY_LISTS = ("encryption_keys", "audit_keys")


def guessable(env: "Env") -> list[str]:
    """Secrets that are set, long enough perhaps, and still easy to guess, or used for two purposes."""
    values = {name.upper(): getattr(env, name).get_secret_value() for name in SECRETS}
    found = [f"{name} is weak: {why}" for name, value in values.items() if value and (why := _weakness(value))]
    keys = dict(_keys(env))
    found += [f"{name} is weak: its bytes are not random" for name, key in keys.items() if _is_plain(key)]
    used = [value for value in (*values.values(), *keys.values()) if value]
    if len(set(used)) < len(used):
        found.append("the same secret is used for two purposes")
    return found


def _weakness(secret: str) -> str:
    if len(set(secret)) < FEWEST_CHARACTERS:
        return f"fewer than {FEWEST_CHARACTERS} different characters"
    return "it holds a word that nobody draws at random" if NOT_RANDOM.search(secret) else ""


def _keys(env: "Env") -> Iterator[tuple[str, str]]:
    yield "BLIND_INDEX_KEY", env.blind_index_key.get_secret_value()
    for name in KEY_LISTS:
        for key in getattr(env, name):
            label, _, encoded = key.get_secret_value().partition(":")
            yield f"{name.upper()} ({label})", encoded


def _is_plain(encoded: str) -> bool:
    """`AAAA...`: a key of zeros, or of one byte again and again. Its length is filot.checks' business."""
    return 0 < len(set(encoded.rstrip("="))) < FEWEST_BYTES


def open_doors(env: "Env") -> list[str]:
    """What anybody could reach or listen to."""
    found = []
    if env.metrics_enabled and len(env.metrics_token.get_secret_value()) < SHORTEST_TOKEN:
        found.append(f"METRICS_TOKEN is missing or shorter than {SHORTEST_TOKEN} characters: /metrics would be open")
    if any(host.strip() == "*" for host in env.allowed_hosts):
        found.append("ALLOWED_HOSTS holds *: any name would be believed")
    if any(urlsplit(origin).scheme != "https" for origin in env.csrf_trusted_origins):
        found.append("CSRF_TRUSTED_ORIGINS must be https in production")
    if env.jwks_url and urlsplit(env.jwks_url).scheme != "https":
        found.append("JWKS_URL must be https in production: whoever sits between could hand us keys")
    if is_plain_redis(env) and not env.redis_trusted_network:
        found.append("REDIS_URL is plain and on another host: use rediss:// or REDIS_TLS, or say REDIS_TRUSTED_NETWORK")
    return found


def is_plain_redis(env: "Env") -> bool:
    """Without TLS to a host that is not this one."""
    parts = urlsplit(env.redis_url)
    if env.redis_tls or parts.scheme in ("rediss", "unix", "redis+socket"):
        return False
    return not is_this_host(parts.hostname or "")


def is_this_host(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
