"""What no client library would send, byte by byte, to the real web server: it answers, refuses in its one shape, and
stays up. Each call here is what somebody at the edge tries first.
"""

import json
import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.documents.test_api import picture
from tests.stack import Stack

READ_SECONDS = 20
UPLOAD = "/documents/upload"


@pytest.fixture(autouse=True)
def _still_up(stack: Stack) -> Iterator[None]:
    """Whatever was sent: the server answers the next caller, and none of its answers was a 5xx."""
    before = len(stack.log("web"))
    yield
    assert stack.answers()
    assert not re.findall(r'"code": 5\d\d', stack.log("web")[before:])


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return stack.token()


def sent(stack: Stack, raw: bytes, *, half: bool = False) -> tuple[int, bytes]:
    """The status and the body of the answer; 0 when the server hung up without one."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as line:
        line.settimeout(READ_SECONDS)
        try:
            line.sendall(raw)
            if half:
                line.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it had seen enough
        answer = b""
        try:
            while more := line.recv(65536):
                answer += more
                if re.search(rb"\r\n\r\n", answer) and b"onnection: close" in answer and _is_whole(answer):
                    break
        except OSError:
            pass
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return (int(found[1]) if found else 0), answer.partition(b"\r\n\r\n")[2]


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"ontent-[Ll]ength: (\d+)", head)
    return length is not None and len(body) >= int(length[1])


def request(method: str, path: str, *headers: str, body: bytes = b"", host: str | None = "127.0.0.1") -> bytes:
    named = [f"Host: {host}"] if host is not None else []
    lines = [f"{method} {path} HTTP/1.1", *named, "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1:8080@evil.example", "\xff"])
@pytest.mark.parametrize("path", ["/documents", "/admin/login/", "/nowhere"])
def test_a_foreign_host_is_400_whatever_it_asks_for(stack: Stack, host: str, path: str) -> None:
    status, body = sent(stack, request("GET", path, host=host))
    assert status == 400
    assert b"evil" not in body


def test_a_host_that_a_caller_forwards_changes_no_link(stack: Stack, token: str) -> None:
    document = stack.upload(token, picture(size=(323, 200)))
    status, body = sent(
        stack,
        request(
            "GET", f"/documents/{document}/download", f"Authorization: Bearer {token}", "X-Forwarded-Host: evil.example"
        ),
    )
    assert status == 200
    assert json.loads(body)["url"].startswith("http://127.0.0.1")


def test_two_hosts_are_refused_and_none_is_the_one_that_it_listens_on(stack: Stack) -> None:
    assert sent(stack, request("GET", "/documents", "Host: evil.example"))[0] in (0, 400)
    assert sent(stack, request("GET", "/documents", host=None))[0] in (0, 400, 401)


@pytest.mark.parametrize(
    "length", ["-1", "many", "1e3", "+5", "0x10", "5, 6", "99999999999999999999", "\u00b2"], ids=repr
)
def test_a_length_that_is_none_is_no_server_error(stack: Stack, length: str) -> None:
    raw = request("POST", "/auth/token", "Content-Type: application/json", f"Content-Length: {length}", body=b"{}")
    assert sent(stack, raw, half=True)[0] in (0, 400, 411, 413)


def test_two_lengths_or_a_length_beside_chunks_are_refused(stack: Stack) -> None:
    """How one request is smuggled past a proxy inside another."""
    hidden = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for headers in (
        ("Content-Length: 4", "Content-Length: 60"),
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: xchunked",),
    ):
        status, body = sent(stack, request("POST", "/auth/token", *headers, body=hidden), half=True)
        assert status in (0, 400, 411, 415, 501), headers
        assert b'"live"' not in body


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["X-Big: " + "a" * 20_000], {0, 400, 431}),
        ([f"X-{number}: a" for number in range(150)], {0, 400, 431}),
        (["Authorization: Bearer " + "x" * 9000], {401}),
        (["Authorization: Bearer a", "Authorization: Bearer b"], {401}),
        (["Cookie: " + "a=b; " * 3000], {401}),
        (["X-Correlation-Id: a\tb"], {401}),
        (["X-Correlation-Id: a\x00b"], {0, 400}),
        (["Folded: a", " b"], {0, 400}),
        (["No colon at all"], {0, 400}),
    ],
    ids=range(9),
)
def test_huge_and_broken_headers_are_refused(stack: Stack, headers: list[str], expected: set[int]) -> None:
    assert sent(stack, request("GET", "/documents", *headers))[0] in expected


@pytest.mark.parametrize(
    "path", ["/" + "a" * 10_000, "/documents/%00", "/documents/%ff%fe", "/files/" + "%2e%2e%2f" * 50]
)
def test_absurd_addresses_are_refused(stack: Stack, path: str) -> None:
    assert sent(stack, request("GET", path))[0] in (0, 400, 401, 404, 414)


@pytest.mark.parametrize(
    "raw", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\r\n" * 50, b"\x00" * 500]
)
def test_what_is_no_http_is_hung_up_on(stack: Stack, raw: bytes) -> None:
    assert sent(stack, raw, half=True)[0] in (0, 400)


def multipart(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    pieces = [f"--{boundary}\r\n{head}\r\n\r\n".encode() + body + b"\r\n" for head, body in parts]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


FORM = 'Content-Disposition: form-data; name="{}"'
FILE = 'Content-Disposition: form-data; name="file"; filename="card.jpg"\r\nContent-Type: image/jpeg'
PARTS = [(FORM.format("type"), b"KTP"), (FILE, picture(size=(324, 200)))]
ABSURD = {
    "thousands of fields": ("b", multipart("b", *[(FORM.format(f"f{n}"), b"x") for n in range(2000)], *PARTS)),
    "hundreds of files": ("b", multipart("b", *[PARTS[1]] * 150)),
    "a name of 100 kB": ("b", multipart("b", (FORM.format("n" * 100_000), b"x"), *PARTS)),
    "a boundary that never comes": ("b", multipart("other", *PARTS)),
    "no end": ("b", multipart("b", *PARTS)[:-30]),
    "a boundary of 1 kB": ("b" * 1000, multipart("b" * 1000, *PARTS)),
    "a transfer encoding": ("b", multipart("b", (FILE + "\r\nContent-Transfer-Encoding: base64", b"====%%%%"))),
    "nested": (
        "b",
        multipart(
            "b", ('Content-Disposition: form-data; name="file"\r\nContent-Type: multipart/mixed; boundary=c', b"--c--")
        ),
    ),
    "nulls in names": ("b", multipart("b", (FORM.format("ty\x00pe"), b"KTP"), (FILE.replace("card", "c\x00rd"), b"x"))),
    "a path for a name": (
        "b",
        multipart("b", (FORM.format("type"), b"../../KTP"), (FILE.replace("card", "../../../etc/passwd"), b"x")),
    ),
    "the type twice": ("b", multipart("b", PARTS[0], (FORM.format("type"), b"SIM"), PARTS[1])),
    "only dashes": ("b", b"--" * 30_000),
}


@pytest.mark.parametrize("name", ABSURD)
def test_an_absurd_form_is_refused_in_the_one_shape(stack: Stack, token: str, name: str) -> None:
    boundary, body = ABSURD[name]
    headers = (
        f"Authorization: Bearer {token}",
        f"Content-Type: multipart/form-data; boundary={boundary}",
        f"Content-Length: {len(body)}",
    )
    began = time.monotonic()
    status, answer = sent(stack, request("POST", UPLOAD, *headers, body=body))
    assert status in (400, 413, 415, 422), answer
    assert json.loads(answer)["error"]["correlationId"]
    assert time.monotonic() - began < 10


def test_a_large_upload_is_refused_while_its_body_has_not_come(stack: Stack, token: str) -> None:
    headers = (
        f"Authorization: Bearer {token}",
        "Content-Type: multipart/form-data; boundary=b",
        "Content-Length: 500000000",
    )
    status, answer = sent(stack, request("POST", UPLOAD, *headers))
    assert (status, json.loads(answer)["error"]["code"]) == (413, "too_large")


def test_a_body_that_ends_early_is_no_server_error(stack: Stack, token: str) -> None:
    headers = (
        f"Authorization: Bearer {token}",
        "Content-Type: multipart/form-data; boundary=b",
        "Content-Length: 5000",
    )
    status, _ = sent(stack, request("POST", UPLOAD, *headers, body=multipart("b", PARTS[0])[:40]), half=True)
    assert status in (0, 400)


def test_a_download_link_and_a_token_are_in_no_line_of_the_log(stack: Stack, token: str) -> None:
    document = stack.upload(token, picture(size=(325, 200)))
    url = stack.call("GET", f"/documents/{document}/download", token).json()["url"]
    link = url.partition("/files/")[2]
    assert sent(stack, request("GET", f"/files/{link}"))[0] == 200
    assert sent(stack, request("GET", f"/files/{link}x"))[0] == 404
    assert sent(stack, request("GET", f"/files/{link}/more?next=/files/{link}"))[0] == 404
    assert sent(stack, request("GET", "/documents", f"Referer: {url}"))[0] == 401
    signature = link.rpartition(":")[2]
    said = "".join(stack.log(name) for name in ("web", "ocr", "default"))
    assert signature not in said
    assert token not in said
    assert token.rpartition(".")[2] not in said


def test_the_webhook_hears_nothing_that_is_unsigned_or_too_large(stack: Stack) -> None:
    path = "/internal/buli2/callback"
    for headers, body, expected in (
        ((), b"{}", {401}),
        (("x-buli2-signature: " + "0" * 64,), b"{}", {401}),
        (("x-buli2-signature: sha256=" + "g" * 64,), b"{}", {401}),
        (("x-buli2-signature: " + "\xff" * 64,), b"{}", {401}),
        (("x-buli2-signature: a", "x-buli2-signature: b"), b"{}", {401}),
        (("x-buli2-signature: " + "a" * 9000,), b"{}", {401}),
        (("x-buli2-timestamp: " + "9" * 400, "x-buli2-signature: " + "0" * 64), b"{}", {401}),
        (("x-buli2-signature: " + "0" * 64,), b"x" * 70_000, {413}),
    ):
        raw = request(
            "POST", path, "Content-Type: application/json", f"Content-Length: {len(body)}", *headers, body=body
        )
        assert sent(stack, raw)[0] in expected, headers
