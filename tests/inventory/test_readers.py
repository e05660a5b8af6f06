"""Who can read a field, a tagged column, or what is denied to many: `inventory.readers` on facts as they are given."""

from typing import Any

from governance.model import Column, Membership, Policy
from resources.inventory.database import Inventory
from resources.inventory.facts.queries import FactQueries
from tests.inventory.estate import table, tag
from tests.inventory.test_facts import grant, read, warehouse


def who(inventory: Inventory, path: str = "", name: str = "DB.S.T") -> set[str]:
    return {r.principal for r in FactQueries(inventory).readers("warehouse", name, path)}


COLUMNS = tuple(
    Column(path, n, "string", "string")
    for n, path in enumerate(("address", "address.city", "addressee", "items[].sku", "id"), 1)
)
PEOPLE = table("T", *COLUMNS, scope="DB.S")
USE = (grant("DB", "PUBLIC", "USAGE", kind="database", of="public", inherits=True),)


def test_a_field_is_read_with_its_column(inventory: Inventory) -> None:
    warehouse(inventory, PEOPLE)
    read(inventory, *USE, grant("DB.S.T", "A", path="address"), grant("DB.S.T", "I", path="items"))
    assert who(inventory, "address.city") == {"A"} == who(inventory, "address")
    assert who(inventory, "items[].sku") == {"I"}
    assert who(inventory, "addressee") == set()


def test_a_field_is_left_out_with_its_column(inventory: Inventory) -> None:
    warehouse(inventory, PEOPLE)
    read(inventory, *USE, grant("DB.S.T", "A", except_paths=("address",)))
    assert who(inventory, "address.city") == set() == who(inventory, "address")
    assert who(inventory, "addressee") == {"A"} == who(inventory)


def test_a_field_is_masked_with_its_column(inventory: Inventory) -> None:
    warehouse(inventory, PEOPLE)
    read(inventory, *USE, grant("DB.S.T", "A"), Policy("hide", "column_mask", "DB.S.T", "table", "address"))
    masked = {p: FactQueries(inventory).readers("warehouse", "DB.S.T", p)[0].masked_by for p in ("address.city", "id")}
    assert masked == {"address.city": ["hide"], "id": []}


def test_a_tag_nearer_to_the_column_takes_the_place_of_one_further_up(inventory: Inventory) -> None:
    tags = (
        tag("level", value="restricted"),
        tag("level", value="public", path="id"),
        tag("pii", value="yes", path="address"),
    )
    warehouse(inventory, table("T", *COLUMNS, scope="DB.S", tags=tags))
    given: dict[str, Any] = {"kind": "database", "inherits": True}
    read(
        inventory,
        *USE,
        grant("DB", "RESTRICTED", tag_condition={"level": ("restricted",)}, **given),
        grant("DB", "ANYBODY", tag_condition={"level": ("public",)}, **given),
        grant("DB", "PRIVACY", tag_condition={"pii": ()}, **given),
    )
    assert who(inventory, "id") == {"ANYBODY"}
    assert who(inventory, "addressee") == {"RESTRICTED"}
    assert who(inventory, "address.city") == {"RESTRICTED", "PRIVACY"}
    # anything of it
    assert who(inventory) == {"RESTRICTED", "ANYBODY", "PRIVACY"}


def test_what_is_denied_to_everybody_is_denied_to_each(inventory: Inventory) -> None:
    warehouse(inventory, PEOPLE, table("U", *COLUMNS, scope="DB.S"))
    read(
        inventory,
        *USE,
        grant("DB.S.T", "R"),
        grant("DB.S.U", "R"),
        Membership("ana", "user", "R", "role"),
        grant("DB.S.T", "*", of="public", denies=True),
    )
    assert who(inventory) == set()
    assert who(inventory, name="DB.S.U") == {"R", "ana"}


def test_what_is_denied_to_an_account_is_denied_to_its_own(inventory: Inventory) -> None:
    warehouse(inventory, PEOPLE)
    theirs, ours = "arn:aws:iam::222222222222:role/r", "arn:aws:iam::111111111111:role/r"
    denied = grant("DB.S.T", "222222222222", of="account", denies=True)
    read(inventory, *USE, grant("DB.S.T", theirs), grant("DB.S.T", ours), denied)
    assert who(inventory) == {ours}
