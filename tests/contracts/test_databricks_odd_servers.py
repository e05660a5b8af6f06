"""The Databricks reader against servers that misbehave, or that have less."""

import datetime
import ipaddress
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from governance.errors import ProtocolError, TlsError, Unavailable
from governance.filters import NameFilter
from governance.listing import Page, Presence, Scope, Status
from resources.databricks.resource import DatabricksResource
from resources.http_errors import Damaged
from resources.source import Reader
from sandbox.databricks.access import READER_CLIENT_ID, READER_CLIENT_SECRET, READER_TOKEN
from sandbox.databricks.face import Face
from sandbox.serving import Company, Served, serve

EVERYTHING = NameFilter()
PLACE = Scope("c.s", "schema", {"catalog": "c", "schema": "s"})
Script = Callable[[str, dict[str, str]], tuple[int, str, bytes]]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_TOKEN", READER_TOKEN)
    monkeypatch.setenv("T_SECRET", READER_CLIENT_SECRET)


def reader(url: str, **other: Any) -> Reader:
    fields = {"source": "w", "host": url, "token": {"env": "T_TOKEN"}, **other}
    return DatabricksResource(**fields).reader()


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], str]]:
    """Starts a server whose answers a function gives, from path and query."""
    servers: list[ThreadingHTTPServer] = []

    def start(script: Script) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
                status, kind, body = script(parts.path, query)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def answer(body: Any, status: int = 200) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(body).encode()


def row(name: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "catalog_name": "c", "schema_name": "s", "table_type": "MANAGED", "columns": [], **other}


def read(reader: Reader) -> list[Page]:
    with reader:
        return list(reader.read(PLACE, EVERYTHING))


def test_tokens_in_a_circle_are_found_out(scripted: Callable[[Script], str]) -> None:
    def script(path: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        following = {"": "1", "1": "2", "2": "1"}[query.get("page_token", "")]
        return answer({"tables": [], "next_page_token": following})

    with pytest.raises(ProtocolError, match="circle"):
        read(reader(scripted(script)))


def test_empty_pages_without_end_are_found_out(scripted: Callable[[Script], str]) -> None:
    def script(path: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        return answer({"tables": [], "next_page_token": str(int(query.get("page_token", "0")) + 1)})

    with pytest.raises(ProtocolError, match="never end"):
        read(reader(scripted(script)))


def test_the_same_page_under_ever_new_tokens_is_found_out(scripted: Callable[[Script], str]) -> None:
    def script(path: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        return answer({"tables": [row("t")], "next_page_token": query.get("page_token", "") + "x"})

    with pytest.raises(ProtocolError, match="repeats"):
        read(reader(scripted(script)))


def test_many_empty_pages_are_read_to_the_end(scripted: Callable[[Script], str]) -> None:
    def script(path: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        number = int(query.get("page_token", "0"))
        if not path.endswith("/tables"):
            return answer({})
        more = {"next_page_token": str(number + 1)} if number < 30 else {}
        return answer({"tables": [row(f"t{number}")] if number in (7, 30) else [], **more})

    found = [d.name for page in read(reader(scripted(script))) for d in page.datasets]
    assert found == ["t7", "t30"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((200, "application/json", b"[1, 2]"), "no JSON object"),
        ((200, "application/json", b'{"tables": {"a": 1}}'), "no list"),
        ((200, "application/json", b'{"message": "welcome"}'), "no list"),
        ((400, "application/json", b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}'), "no .INVALID"),
    ],
)
def test_answers_that_no_correct_server_gives(
    scripted: Callable[[Script], str], reply: tuple[int, str, bytes], said: str
) -> None:
    with pytest.raises(ProtocolError, match=said) as raised:
        read(reader(scripted(lambda path, query: reply)))
    assert raised.value.remedy


def test_a_page_in_html_may_be_a_bad_moment(scripted: Callable[[Script], str]) -> None:
    url = scripted(lambda path, query: (200, "text/html", b"<html>Sign in</html>"))
    with pytest.raises(Damaged, match="not JSON") as raised:
        read(reader(url, attempts=2))
    assert raised.value.remedy


def test_a_gateways_page_is_transient_and_short(scripted: Callable[[Script], str]) -> None:
    url = scripted(lambda path, query: (502, "text/plain", b"x" * 20_000))
    with pytest.raises(Unavailable) as raised:
        read(reader(url, attempts=1))
    assert "HTTP 502" in raised.value.message and len(raised.value.message) < 200


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer({"error_code": "SCHEMA_DOES_NOT_EXIST", "message": "gone"}, 404), Presence.ABSENT),
        (answer({"error_code": "NOT_FOUND", "message": "Schema not found"}, 404), Presence.ABSENT),
        (answer({"error_code": "ENDPOINT_NOT_FOUND", "message": "no such"}, 404), Presence.UNKNOWN),
        ((404, "text/plain", b"Not found"), Presence.UNKNOWN),
        ((404, "text/html", b"<title>404 Not Found</title>"), Presence.UNKNOWN),
        (answer({"error_code": "PERMISSION_DENIED", "message": "no"}, 403), Presence.UNKNOWN),
        (answer({"name": "s"}), Presence.PRESENT),
    ],
)
def test_absence_needs_the_apis_own_word(
    scripted: Callable[[Script], str], reply: tuple[int, str, bytes], expected: Presence
) -> None:
    with reader(scripted(lambda path, query: reply)) as open_one:
        assert open_one.presence(PLACE) is expected


def test_a_foreign_catalog_that_fails_hides_no_other(scripted: Callable[[Script], str]) -> None:
    def script(path: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        if path.endswith("/catalogs"):
            own = {"name": "system", "catalog_type": "SYSTEM_CATALOG"}
            return answer({"catalogs": [{"name": "pg"}, {"name": "main"}, own]})
        if query.get("catalog_name") == "pg":
            return answer({"error_code": "CONNECTION_FAILURE", "message": "the database is down"}, 400)
        return answer({"schemas": [{"name": "s", "catalog_name": "main"}]})

    with reader(scripted(script)) as open_one:
        listing = open_one.scopes(EVERYTHING)
    assert [s.name for s in listing.scopes] == ["main.s"]
    assert listing.status is Status.PARTIAL and "down" in listing.reasons[0].message


def test_records_that_are_no_objects_are_quarantined(scripted: Callable[[Script], str]) -> None:
    def script(path: str, query: dict[str, str]) -> tuple[int, str, bytes]:
        return answer({"tables": [row("t"), "junk", None, {"name": "u"}]} if path.endswith("/tables") else {})

    pages = read(reader(scripted(script)))
    assert [d.name for page in pages for d in page.datasets] == ["t"]
    assert [q.name for page in pages for q in page.quarantined] == [None, None, None]


# --- an open-source server ---

_DATABRICKS_ONLY = re.compile(
    r"effective-permissions|entity-tag-assignments|scim|table-summaries|/sql/|well-known|oidc"
)


class OpenSource(Face):
    """The stand-in with what the open-source server has, once it is seeded."""

    less = False

    def app(self) -> ASGIApp:
        inner = super().app()

        async def app(scope: AsgiScope, receive: Receive, send: Send) -> None:
            if self.less and _DATABRICKS_ONLY.search(scope["path"]):
                await PlainTextResponse("Not Found", 404)(scope, receive, send)
            else:
                await inner(scope, receive, send)

        return app


@pytest.fixture(scope="module")
def open_source() -> Iterator[Served]:
    face = OpenSource(Company())
    served = serve(face)
    face.seed(served.url)
    face.less = True
    yield served
    served.stop()


@pytest.mark.parametrize("tags", ["off", "entity"])
def test_an_open_source_server_is_read_and_what_it_lacks_is_said(open_source: Served, tags: str) -> None:
    with reader(open_source.url, tags=tags) as open_one:
        listing = open_one.scopes(EVERYTHING)
        assert listing.status is Status.COMPLETE
        pages = [page for scope in listing.scopes for page in open_one.read(scope, EVERYTHING)]
        assert [p for p in open_one.probe() if not p.ok] == []
        assert any("not available" in p.detail for p in open_one.probe())
    assert [r for page in pages for r in page.reasons] == []
    expected = {
        (d.namespace, d.qualified_name): msgspec.structs.replace(d, tags=())
        for d in open_source.face.account()
        if d.kind
    }
    unknown = dict.fromkeys(("native_id", "version", "source_updated_at"))
    found = {
        (d.namespace, d.qualified_name): msgspec.structs.replace(d, **unknown) for page in pages for d in page.datasets
    }
    assert found == expected
    said = {page.notes["tags"] for page in pages if "tags" in page.notes}
    assert said >= ({"not available on this server"} if tags == "entity" else set())


def test_tags_by_sql_are_a_reason_where_there_is_no_sql(open_source: Served) -> None:
    with reader(open_source.url, warehouse_id="w") as open_one:
        assert [r.code for r in open_one.scopes(EVERYTHING).reasons] == ["endpoint_absent"] * 3
        assert [p.name for p in open_one.probe() if not p.ok] == ["warehouse"]


# --- TLS ---


class Secured(Face):
    """The stand-in behind a certificate that nobody signed."""

    files: tuple[Path, Path]

    def tls(self) -> tuple[Path, Path]:
        return self.files


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    face = Secured(Company())
    face.files = _certificate(tmp_path)
    served = serve(face)
    try:
        with reader(served.url, attempts=3) as open_one, pytest.raises(TlsError) as raised:
            open_one.scopes(EVERYTHING)
        assert "ca_bundle" in raised.value.remedy
        assert open_one.meter.snapshot()["calls"] == 1
        trusting = {"ca_bundle": str(face.files[0]), "token": None, "client_id": READER_CLIENT_ID}
        with reader(served.url, client_secret={"env": "T_SECRET"}, **trusting) as open_one:
            assert open_one.scopes(EVERYTHING).reasons[0].code == "permission_denied"
    finally:
        served.stop()


def _certificate(folder: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return paths
