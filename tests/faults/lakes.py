"""A lake's edits between two syncs, and the seed of all that is left to chance."""

import os

from tests.fixtures.estate import SandboxSource
from tests.fixtures.glue_account import Account

SEED = os.environ.get("GOVERNANCE_TEST_SEED", "20261123")
ALTERED = {
    "sales": ("stores", "orders", "products"),
    "crm": ("campaigns",),
    "web": ("sessions",),
    "ops": ("shipments",),
}


def edit(source: SandboxSource, scale: int) -> None:
    """Alters, adds and takes away tables in every database of the sandbox's lake."""
    account = Account(source.served.url)
    for n in ("", *(f"_{n}" for n in range(2, scale + 1))):
        for database, names in ALTERED.items():
            for name in names:
                table = account.table(database + n, name)
                table["StorageDescriptor"]["Columns"].append({"Name": "added", "Type": "struct<a:int,b:string>"})
                account.alter(database + n, {**table, "Description": "edited"})
            new = {"Name": "new_one", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}]}}
            account.glue.create_table(DatabaseName=database + n, TableInput=new)
        account.glue.delete_table(DatabaseName=f"ops{n}", Name="returns")
