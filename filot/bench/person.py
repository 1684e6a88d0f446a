"""A reviewer at the console, as far as cookies and forms go: both steps of the log-in, then case after case."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

TIMEOUTS = (5, 30)
LOGIN, SECOND_STEP, QUEUE = "/admin/login/", "/admin/second-step/", "/admin/review/review/"
CASE = re.compile(r"(/admin/review/review/[0-9a-f-]{36}/)change/")
DEMO_CODE = re.compile(r"data-demo-code>(\d{6})<")
PICTURE = re.compile(r'"(/admin/review/review/[^"]+/page/\d+\.png[^"]*)"')
REASON = "unreadable"

Timed = Callable[[str, Callable[[], requests.Response]], requests.Response | None]


class NotLoggedIn(Exception):
    """The text says at which step."""


class _Hidden(HTMLParser):
    """The hidden inputs of a page; of several with one name the first."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden" and given.get("name"):
            self.values.setdefault(str(given["name"]), given.get("value") or "")


class Person:
    """A demo account: the page of its second step shows the code. Several threads may work with one log-in."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url, self.username = url, username
        self._cookies = self._log_in(password)

    def _log_in(self, password: str) -> dict[str, str]:
        session = requests.Session()
        page = session.get(self.url + LOGIN, timeout=TIMEOUTS)
        told = {"username": self.username, "password": password}
        step = self._post(session, f"{LOGIN}?next={QUEUE}", page.text, told, follow=True)
        code = DEMO_CODE.search(step.text)
        if code is None:
            raise NotLoggedIn(f"{self.username}: the password is wrong, or this is no demo account")
        answer = self._post(session, f"{SECOND_STEP}?next={QUEUE}", step.text, {"code": code[1]}, follow=True)
        if not answer.url.endswith(QUEUE) or not answer.ok:
            raise NotLoggedIn(f"{self.username}: the second step answered {answer.status_code}")
        return session.cookies.get_dict()

    def decide_one(self, timed: Timed) -> None:
        """The queue, the next case out of it, its page with its picture, and a rejection with a reason."""
        session = requests.Session()
        session.cookies.update(self._cookies)
        queue = timed("queue", lambda: session.get(self.url + QUEUE, timeout=TIMEOUTS))
        if queue is None or not queue.ok:
            return
        taken = timed("take", lambda: self._post(session, f"{QUEUE}take/", queue.text, {}))
        case = CASE.search(taken.headers.get("Location", "")) if taken is not None else None
        if case is None:  # nothing waits for this person now
            return
        page = timed("case", lambda: session.get(f"{self.url}{case[1]}change/", timeout=TIMEOUTS))
        if page is None or not page.ok:
            return
        if picture := PICTURE.search(page.text):
            timed("picture", lambda: session.get(urljoin(self.url, picture[1]), timeout=TIMEOUTS))
        timed("decide", lambda: self._post(session, f"{case[1]}reject/", page.text, {"reason_code": REASON}))

    def _post(
        self, session: requests.Session, path: str, page: str, told: dict[str, str], *, follow: bool = False
    ) -> requests.Response:
        hidden = _Hidden(page).values
        data = {name: hidden[name] for name in ("csrfmiddlewaretoken", "version") if name in hidden} | told
        headers = {"Referer": self.url + path}
        return session.post(self.url + path, data=data, headers=headers, timeout=TIMEOUTS, allow_redirects=follow)
