"""The seed: the default estate is as declared, another one has other figures, and what is served agrees."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from governance.model import Dataset
from governance_pipelines.platforms import source_resource
from sandbox.serving import Company, faces
from tests.contracts.contract import comparable, read_all
from tests.fixtures.estate import sandbox_source

SEEDED = ("glue", "databricks")
DECLARED = {
    "glue": "86d285d0e5ea8412",
    "databricks": "dcce4ccbfebe146f",
}


def account(platform: str, scale: int, seed: int) -> Mapping[str, Dataset]:
    return {d.qualified_name: d for d in faces(Company(scale, seed), [platform])[0].account()}


def figures(datasets: Mapping[str, Dataset]) -> dict[str, tuple[int | None, int | None]]:
    return {name: (d.row_count, d.size_bytes) for name, d in datasets.items()}


@pytest.mark.parametrize("platform", SEEDED)
def test_the_default_estate_is_as_declared(platform: str) -> None:
    content = msgspec.json.encode(list(faces(Company(), [platform])[0].account()), order="deterministic")
    assert hashlib.sha256(content).hexdigest()[:16] == DECLARED[platform]


@pytest.mark.parametrize("platform", SEEDED)
def test_another_seed_draws_other_figures_and_nothing_else(platform: str) -> None:
    declared, other, again = (account(platform, 2, seed) for seed in (7, 8, 8))
    assert other == again
    assert list(other) == list(declared)
    counted = [name for name, d in declared.items() if d.row_count]
    assert counted
    assert all(figures(other)[name] != figures(declared)[name] for name in counted)
    for name, one in declared.items():
        same: dict[str, Any] = {"row_count": None, "size_bytes": None, "properties": {}}
        assert msgspec.structs.replace(one, **same) == msgspec.structs.replace(other[name], **same)
        assert (one.row_count is None, one.size_bytes is None) == (
            other[name].row_count is None,
            other[name].size_bytes is None,
        )


@pytest.mark.parametrize("platform", SEEDED)
def test_what_is_served_is_what_the_account_says(platform: str) -> None:
    with (
        sandbox_source(platform, Company(scale=2, seed=42)) as source,
        source_resource(source.source()).reader() as reader,
    ):
        found = {name: comparable(d) for (_, name), d in read_all(reader).items()}
    assert found == {name: comparable(d) for name, d in account(platform, 2, 42).items()}
