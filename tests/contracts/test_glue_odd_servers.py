"""The Glue reader tells a server that is not what it should be from one that has nothing."""

import json
from pathlib import Path

import pytest

from governance.errors import ProtocolError, TlsError, Unavailable
from governance.listing import Scope
from sandbox.glue.face import Face
from sandbox.serving import Company
from tests.contracts.contract import EVERYTHING
from tests.fixtures.glue import certificate, resource, saying, serving


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in Face(Company()).secrets().items():
        monkeypatch.setenv(name, value)


def test_a_token_that_never_ends_is_an_error_and_the_pages_are_kept() -> None:
    body = {"Database": {"Name": "d"}, "TableList": [], "NextToken": "again", "LFTags": []}
    with serving(saying(json.dumps(body).encode())) as served:
        with resource(served, lake_formation=False).reader() as reader:
            kept = []
            with pytest.raises(ProtocolError, match="never ends"):
                for page in reader.read(Scope("d", "database"), EVERYTHING):
                    kept.append(page)
    assert len(kept) == 2


@pytest.mark.parametrize("body", [b"{}", b'{"DatabaseList": null}', b'{"message": "welcome"}'])
def test_an_answer_without_a_list_is_not_an_empty_one(body: bytes) -> None:
    with serving(saying(body)) as served, resource(served).reader() as reader:
        with pytest.raises(ProtocolError, match="DatabaseList"):
            reader.scopes(EVERYTHING)


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[]", b'{"DatabaseList": [{"Na'])
def test_a_garbled_answer_is_tried_again_and_then_an_error(body: bytes) -> None:
    with serving(saying(body, "text/html")) as served, resource(served, attempts=2).reader() as reader:
        with pytest.raises(Unavailable, match="garbled"):
            reader.scopes(EVERYTHING)
        assert reader.meter.snapshot()["calls"] == 2


def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    with serving(saying(b'{"DatabaseList": []}'), files) as served:
        with resource(served).reader() as reader:
            with pytest.raises(TlsError, match="certificate") as raised:
                reader.scopes(EVERYTHING)
        assert "ca_bundle" in raised.value.remedy
        with resource(served, ca_bundle=str(files[0])).reader() as reader:
            assert reader.scopes(EVERYTHING).scopes == ()
