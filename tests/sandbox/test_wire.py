"""What the sandbox's faults do to an answer, seen by a client that looks at every byte."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.faults import Exchange
from sandbox.serving import Company, Served, faces, serve
from sandbox.wire import PAGE

VERSION = "/api/atlas/admin/version"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    served = serve(faces(Company(), ["atlas"])[0])
    yield served
    served.stop()


@pytest.fixture
def served(server: Served) -> Iterator[Served]:
    yield server
    server.face.faults.clear()


def get(served: Served) -> requests.Response:
    return requests.get(f"{served.url}{VERSION}", auth=("viewer", "viewer"), timeout=10)


def bytes_of(served: Served, seconds: float) -> tuple[bytes, bool]:
    """What comes within so long, and whether the server then hung up."""
    parts, got, ended = urlsplit(served.url), b"", False
    until = time.monotonic() + seconds
    with socket.create_connection((str(parts.hostname), int(parts.port or 0))) as line:
        line.sendall(f"GET {VERSION} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dmlld2VyOnZpZXdlcg==\r\n\r\n".encode())
        while not ended and (left := until - time.monotonic()) > 0:
            line.settimeout(left)
            try:
                some = line.recv(65536)
            except TimeoutError:
                break
            got, ended = got + some, not some
    return got.partition(b"\r\n\r\n")[2], ended


def test_half_a_body(served: Served) -> None:
    whole = get(served).content
    served.face.faults.replace([{"action": "cut"}])
    assert bytes_of(served, 5) == (whole[: len(whole) // 2], True)
    served.face.faults.replace([{"action": "stall", "seconds": 30}])
    assert bytes_of(served, 0.5) == (whole[: len(whole) // 2], False)


def test_a_drip(served: Served) -> None:
    whole = get(served).content
    served.face.faults.replace([{"action": "drip", "seconds": 0.1}])
    got, ended = bytes_of(served, 1)
    assert whole.startswith(got) and 3 <= len(got) <= 11 and not ended


def test_bodies_that_are_something_else(served: Served) -> None:
    whole = get(served)
    served.face.faults.replace([{"action": "garble"}])
    with pytest.raises(UnicodeDecodeError):
        get(served).content.decode()
    served.face.faults.replace([{"action": "page"}])
    page = get(served)
    assert (page.status_code, page.headers["content-type"], page.content) == (200, "text/html", PAGE)
    served.face.faults.replace([{"action": "gzip"}])
    packed = bytes_of(served, 1)[0]
    assert gzip.compress(whole.content, mtime=0)[10:].startswith(packed[10:]) and packed
    served.face.faults.replace([{"action": "deep", "size": 500}])
    assert get(served).content.count(b"[") == 500
    served.face.faults.replace([{"action": "huge", "size": 1_000_000}])
    assert len(get(served).content) == 1_000_000 and len(get(served).json()["pad"]) == 1_000_000 - 10


def test_a_date_to_come_back_at(served: Served) -> None:
    served.face.faults.replace([{"action": "throttle", "seconds": 90, "dated": True}])
    answer = get(served)
    wait = parsedate_to_datetime(answer.headers["retry-after"]) - datetime.now(UTC)
    assert answer.status_code == 429 and 85 < wait.total_seconds() <= 90


def test_somebody_in_between_who_may_call_the_server(served: Served) -> None:
    def twice(exchange: Exchange) -> None:
        if "tampered" in exchange.line:
            return
        url = f"{served.url}{VERSION}?tampered"
        inner = requests.get(url, auth=("viewer", "viewer"), timeout=10).json()
        exchange.say({"outer": exchange.told(), "inner": inner})

    served.face.faults.tamper = twice
    told = get(served).json()
    assert told["outer"] == told["inner"] != {}
    served.face.faults.clear()
    assert get(served).json() == json.loads(json.dumps(told["inner"]))
