"""Logins of API clients: a chain of refresh tokens, each good for one use.

Access tokens are believed for the few minutes they live and stand in no table. What renews them does: the row of a
login names the one refresh token that is good now. A token of the chain that comes a second time was copied by
somebody, who may be the one that holds the newest: the whole login ends (RFC 9700, 4.14.2).
"""

import uuid
from datetime import timedelta

import structlog
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from filot.authentication import LONGEST_TOKEN, BadToken, InactiveUser
from filot.backends import StaffBackend
from filot.models import ApiLogin, User
from filot.tokens import RefreshToken

LOGIN_CLAIM = "login"
LONGEST_LOGIN = timedelta(days=90)  # then the password is asked for again, however often it was renewed

REUSED, LOGGED_OUT = "reused", "logged_out"
PASSWORD_CHANGED = "password_changed"  # noqa: S105 a word, and no password

logger = structlog.get_logger(__name__)


def begin(user: User) -> RefreshToken:
    """The first refresh token of a new login."""
    login = ApiLogin(user=user, password_mark=user.get_session_auth_hash(), token_id=uuid.uuid4())
    login.expires_at = timezone.now() + LONGEST_LOGIN
    login.save(force_insert=True)
    return _token(login)


def renew(text: str) -> RefreshToken:
    """The next refresh token in exchange for this one, which is spent. Raises BadToken, InactiveUser.

    Not safe to repeat: of two calls with one token the first is answered, the second ends the login.
    """
    login, token_id = _read(text)
    if not StaffBackend().user_can_authenticate(login.user):
        raise InactiveUser
    if not constant_time_compare(login.password_mark, login.user.get_session_auth_hash()):
        _end(login, PASSWORD_CHANGED)
        raise BadToken
    now = timezone.now()
    if login.expires_at <= now:
        raise BadToken
    good = ApiLogin.objects.filter(pk=login.pk, token_id=token_id, ended_at=None)
    login.token_id = uuid.uuid4()
    if not good.update(token_id=login.token_id, renewed_at=now):
        _end(login, REUSED)
        raise BadToken
    return _token(login)


def end(text: str) -> None:
    """No refresh token of this login is good any more. Safe to repeat. Raises BadToken for what is no token of ours."""
    _end(_read(text)[0], LOGGED_OUT)


def forget_ended() -> int:
    """Delete the rows of logins that are over anyway."""
    return ApiLogin.objects.filter(expires_at__lt=timezone.now()).delete()[0]


def _token(login: ApiLogin) -> RefreshToken:
    token: RefreshToken = RefreshToken.for_user(login.user)  # type: ignore[assignment]  # it is of this class
    token["jti"] = login.token_id.hex
    token[LOGIN_CLAIM] = login.pk.hex
    return token


def _read(text: str) -> tuple[ApiLogin, uuid.UUID]:
    if len(text) > LONGEST_TOKEN:
        raise BadToken
    try:
        token = RefreshToken(text)  # type: ignore[arg-type]
        token_id, login_id = uuid.UUID(token["jti"]), uuid.UUID(token[LOGIN_CLAIM])
        login: ApiLogin = ApiLogin.objects.select_related("user").get(pk=login_id, user_id=uuid.UUID(token["user_id"]))
    except Exception as error:  # a token that cannot be read is refused, whatever the reader stumbled over
        raise BadToken from error
    return login, token_id


def _end(login: ApiLogin, reason: str) -> None:
    now = timezone.now()
    if ApiLogin.objects.filter(pk=login.pk, ended_at=None).update(ended_at=now, end_reason=reason):
        logger.warning("login_ended", user_id=str(login.user_id), reason=reason)
