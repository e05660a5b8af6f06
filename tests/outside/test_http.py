"""The REST session turns every failure into an error of ours, in bounded time and size, and tells no secret."""

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    GovernanceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    Throttled,
    TlsError,
    Unavailable,
)
from governance.pace import BatchSize
from resources.calls import CallPolicy
from resources.http import Batches, Bearer, RestSession
from resources.http_errors import Oversized, Redaction, retry_after

PASSWORD = "hunter22"
JSON = {"Content-Type": "application/json"}
PACKED = gzip.compress(json.dumps(list(range(5000))).encode())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer: Callable[["Handler"], None]

    def do_GET(self) -> None:
        type(self).answer(self)

    def log_message(self, format: str, *args: Any) -> None:
        return

    def say(self, status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body) if length is None else length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    kind = type("One", (Handler,), {})
    http = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}", kind
    http.shutdown()
    http.server_close()


def session(**other: Any) -> RestSession:
    policy = other.pop("policy", CallPolicy(read_timeout=5, connect_timeout=2, deadline=10))
    return RestSession("atlas", policy, auth=("amy", PASSWORD), secrets=(PASSWORD,), **other)


def get(server: tuple[str, type[Handler]], answer: Callable[[Handler], None], **other: Any) -> Any:
    url, kind = server
    kind.answer = answer
    with session(**other) as one:
        return one.json("GET", f"{url}/api/x?password={PASSWORD}")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, ConfigurationError),
        (400, ProtocolError),
        (401, AuthenticationError),
        (403, PermissionDenied),
        (404, NotFound),
        (408, DeadlineExceeded),
        (413, Oversized),
        (414, Oversized),
        (429, Throttled),
        (500, Unavailable),
        (503, Unavailable),
        (504, DeadlineExceeded),
    ],
)
def test_a_status_is_an_error_with_its_place(
    server: tuple[str, type[Handler]], status: int, error: type[GovernanceError]
) -> None:
    body = json.dumps({"errorCode": "ATLAS-1", "errorMessage": f"no, {PASSWORD}"}).encode()
    with pytest.raises(error) as raised:
        get(server, lambda h: h.say(status, {**JSON, "Location": "http://elsewhere/login"}, body))
    assert type(raised.value) is error
    assert (raised.value.platform, raised.value.operation) == ("atlas", "GET /api/x")
    assert "ATLAS-1" in str(raised.value) and str(status) in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_page_in_html_is_told_by_its_title(server: tuple[str, type[Handler]]) -> None:
    page = b"<html><head><title>Error 401 Wrong password</title></head><body>long</body></html>"
    with pytest.raises(AuthenticationError, match="Error 401 Wrong password"):
        get(server, lambda h: h.say(401, {"Content-Type": "text/html"}, page))


def test_retry_after_is_seconds_or_a_date(server: tuple[str, type[Handler]]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    for text, low, high in (("7", 7, 7), (later, 25, 31), ("-", None, None)):
        with pytest.raises(Throttled) as raised:
            get(server, lambda h, text=text: h.say(429, {"Retry-After": text}, b""))
        wait = raised.value.retry_after
        assert wait is None if low is None else wait is not None and low <= wait <= high
    assert retry_after({"retry-after": format_datetime(datetime.now(UTC) - timedelta(days=1))}) == 0


@pytest.mark.parametrize(
    "answer",
    [
        lambda h: h.say(200, {"Content-Type": "text/html"}, b"<html>log in</html>"),
        lambda h: h.say(200, JSON, b'{"half": '),
        lambda h: h.say(200, JSON, b"\xff\xfe\x00"),
        lambda h: h.say(200, {**JSON, "Content-Encoding": "gzip"}, PACKED[:3000]),
        lambda h: h.say(200, {**JSON, "Content-Encoding": "gzip"}, b"no gzip at all"),
        lambda h: (h.say(200, JSON, b'{"a', length=100), h.connection.shutdown(socket.SHUT_RDWR)),
        lambda h: h.connection.shutdown(socket.SHUT_RDWR),
    ],
    ids=["html", "half", "bytes", "cut gzip", "no gzip", "cut body", "dropped"],
)
def test_a_damaged_answer_may_be_better_next_time(
    server: tuple[str, type[Handler]], answer: Callable[[Handler], None]
) -> None:
    with pytest.raises(Unavailable):
        get(server, answer)


def test_a_good_answer_is_read(server: tuple[str, type[Handler]]) -> None:
    packed = gzip.compress(b'{"a": "\xc3\xa9"}')
    assert get(server, lambda h: h.say(200, {**JSON, "Content-Encoding": "gzip"}, packed)) == {"a": "é"}


def test_an_answer_that_is_too_long_is_not_held(server: tuple[str, type[Handler]]) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    with pytest.raises(Oversized, match="more than 1000 bytes"):
        get(
            server,
            lambda h: h.say(200, {**JSON, "Content-Encoding": "gzip"}, bomb),
            policy=CallPolicy(longest_answer=1000),
        )


def test_a_silent_server_and_a_dripping_one_end_in_time(server: tuple[str, type[Handler]]) -> None:
    over = threading.Event()

    def drip(handler: Handler) -> None:
        handler.say(200, JSON, b"[", length=10_000)
        while not over.wait(0.1):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return

    started = time.monotonic()
    try:
        for answer in (lambda h: over.wait(20), drip):
            with pytest.raises(DeadlineExceeded):
                get(server, answer, policy=CallPolicy(read_timeout=0.5, connect_timeout=1, deadline=1))
    finally:
        over.set()
    assert time.monotonic() - started < 8


def test_addresses_that_cannot_be_called_are_told_apart() -> None:
    with session() as one:
        with pytest.raises(Unavailable, match="no connection"):
            one.json("GET", "http://127.0.0.1:9/x")
        for url in ("atlas.example.com/x", "ldap://127.0.0.1/x", "http://"):
            with pytest.raises(ConfigurationError):
                one.json("GET", url)


def test_a_certificate_that_nobody_vouches_for_is_a_tls_error(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    kind = type("One", (Handler,), {"answer": lambda h: h.say(200, JSON, b"[1]")})
    http = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    url = f"https://127.0.0.1:{http.server_address[1]}/x"
    try:
        with session() as one, pytest.raises(TlsError, match="not to be trusted"):
            one.json("GET", url)
        with session(verify=str(authority)) as one:
            assert one.json("GET", url) == [1]
        with session(verify=str(tmp_path / "missing.pem")) as one, pytest.raises(ConfigurationError):
            one.json("GET", url)
    finally:
        http.shutdown()
        http.server_close()


def certificate(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for 127.0.0.1 that vouches for itself."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = directory / "cert.pem", directory / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context, pem


def test_a_token_is_sent_and_a_netrc_does_not_replace_it(
    server: tuple[str, type[Handler]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    url, kind = server
    kind.answer = lambda h: h.say(200, JSON, json.dumps(h.headers["Authorization"]).encode())
    with RestSession("atlas", CallPolicy(), auth=Bearer("abc.def")) as one:
        assert one.json("GET", url) == "Bearer abc.def"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3t-value",
        "authorization: Basic s3cr3t-value",
        "client_secret=s3cr3t-value&x=1",
        '{"password": "s3cr3t-value"}',
        "https://amy:s3cr3t-value@host/x",
        "known s3cr3t-value in passing",
    ],
)
def test_secrets_leave_every_text(text: str) -> None:
    known = ("s3cr3t-value",) if "known" in text else ()
    assert "s3cr3t" not in Redaction(known)(text)
    assert "***" in Redaction(known)(text)


@given(st.lists(st.text(min_size=1), max_size=60, unique=True), st.integers(1, 70), st.integers(1, 30))
def test_batches_bring_everything_once_and_in_order(items: list[str], size: int, most: int) -> None:
    calls: list[int] = []

    def call(some: Any) -> list[str]:
        calls.append(len(some))
        if len(some) > most:
            raise Oversized("too many")
        return list(some)

    batches = Batches(BatchSize(size))
    assert [x for part in batches.fetch(items, call) for x in part] == items
    # six halvings from 70, and a larger one is tried after ten that went well, after twenty more, after forty
    assert sum(n > most for n in calls) <= 7 + len(calls) // 10
    calls.clear()
    list(batches.fetch(items, call))
    assert sum(n > most for n in calls) <= 1 + len(calls) // 10


def test_one_item_that_is_too_large_is_an_error() -> None:
    def call(some: Any) -> None:
        raise Oversized("too many")

    with pytest.raises(Oversized):
        list(Batches(BatchSize(8)).fetch(["a", "b"], call))
