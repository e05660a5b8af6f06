"""The policy store of Purview's stand-in: who may see and change policies, and the rights that follow from them."""

from collections.abc import Iterator

import pytest

from sandbox.purview.identity import CURATOR, LIMITED
from sandbox.purview.policies import policy, policy_id
from sandbox.serving import Company, Served, running
from tests.sandbox.purview_client import Client

pytestmark = pytest.mark.xdist_group("sandbox-purview")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["purview"]) as servers:
        yield servers["purview"]


def test_policies_are_for_administrators_and_change_rights(served: Served) -> None:
    curator, limited = Client(served, CURATOR), Client(served, LIMITED)
    path = "/policyStore/metadataPolicies"
    assert {limited.send("GET", p).status_code for p in (path, "/policyStore/metadataRoles")} == {403}
    one = f"{path}/{policy_id('finance')}"
    assert limited.send("PUT", one, {}).status_code == 403
    before = curator.send("GET", one).json()
    try:
        for users, groups in (({"purview-reader": (LIMITED,)}, {}), ({"collection-administrator": (LIMITED,)}, {})):
            properties = policy("finance", "harbourpine", users, groups)["properties"]
            assert curator.send("PUT", one, {**before, "properties": properties}).ok
            may_read = limited.send("GET", "/account/collections/finance").status_code
            seen = limited.send("GET", path)
            assert (may_read == 200) == ("purview-reader" in users)
            assert seen.ok == ("purview-reader" not in users)
        assert [p["properties"]["collection"]["referenceName"] for p in seen.json()["values"]] == ["finance"]
        assert curator.send("PUT", one, {"properties": {}}).status_code == 400
    finally:
        assert curator.send("PUT", one, before).ok
    assert limited.send("GET", path).status_code == 403


def test_a_collection_that_restricts_inheritance_takes_no_reader_from_above(served: Served) -> None:
    curator, limited = Client(served, CURATOR), Client(served, LIMITED)
    one = f"/policyStore/metadataPolicies/{policy_id('retail-crm')}"
    before = curator.send("GET", one).json()
    assert limited.send("GET", "/account/collections/retail-crm").ok
    restricted = policy("retail-crm", "retail", {"data-curator": (CURATOR,)}, restricted=True)
    try:
        assert curator.send("PUT", one, {**before, "properties": restricted["properties"]}).ok
        assert limited.send("GET", "/account/collections/retail-crm").status_code == 403
        assert limited.send("GET", "/account/collections/retail-sales").ok
    finally:
        assert curator.send("PUT", one, before).ok
    assert limited.send("GET", "/account/collections/retail-crm").ok
