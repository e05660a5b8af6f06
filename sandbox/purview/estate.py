"""What the company's Purview account holds beside its assets, and the inventory rows that must come of them."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from governance.model import Dataset, Tag
from sandbox.purview import columns
from sandbox.purview.assets import DATASETS, LOYALTY, Asset
from sandbox.purview.collections import ACCOUNT
from sandbox.purview.model import SEARCHED

Json = dict[str, Any]

COLLECTIONS: tuple[tuple[str, str, str, str | None], ...] = (
    ("retail", "Retail", ACCOUNT, "Everything that is sold"),
    ("retail-sales", "Sales", "retail", None),
    ("retail-crm", "CRM", "retail", 'Customers; "need to know" only'),
    ("finance", "Finance", ACCOUNT, None),
    ("k7x2qm", "Qualität & Données 数据 🧭", ACCOUNT, "Named by the portal"),
)
"""Reference name, friendly name, parent, description; parents first."""

GLOSSARY = "Retail"
TERMS = {
    "Order": "A customer's binding request",
    "Customer": "A person or company that ordered at least once",
    "Net revenue": "Revenue without tax and returns",
}
SENSITIVE = {
    "EMAIL": "MICROSOFT.PERSONAL.EMAIL",
    "PERSON_NAME": "MICROSOFT.PERSONAL.NAME",
    "PHONE": "MICROSOFT.PERSONAL.PHONE_NUMBER",
    "DATE_OF_BIRTH": "MICROSOFT.PERSONAL.DATE_OF_BIRTH",
    "ADDRESS": "MICROSOFT.PERSONAL.PHYSICALADDRESS",
    "IP_ADDRESS": "MICROSOFT.PERSONAL.IPADDRESS",
    "IBAN": "MICROSOFT.FINANCIAL.INTERNATIONAL_BANKING_ACCOUNT_NUMBER",
    "TAX_ID": "RETAIL.TAX_ID",
    "PAYMENT_TOKEN": "RETAIL.PAYMENT_TOKEN",
    "NATIONAL_ID": "RETAIL.NATIONAL_ID",
    "SALARY": "RETAIL.SALARY",
}
CUSTOM_CLASSIFICATIONS = (LOYALTY, *sorted(n for n in SENSITIVE.values() if n.startswith("RETAIL.")))


def datasets(scale: int) -> Iterator[Asset]:
    """The datasets; those beyond the first round have their round in name and address."""
    yield from DATASETS
    for n in range(2, scale + 1):
        for one in DATASETS:
            other = f"{one.qualified_name}_s{n}"
            # the rounds of a resource set share its folder
            place = f"{one.place}_s{n}" if one.place and one.kind == "file" else one.place
            yield msgspec.structs.replace(one, name=f"{one.name}_s{n}", qualified_name=other, place=place)


def account(scale: int) -> Iterator[Dataset]:
    """Every dataset as the inventory must have it."""
    for asset in datasets(scale):
        yield _expected(asset)


def _expected(asset: Asset) -> Dataset:
    owners = asset.contacts.get("Owner", ())
    object_type, asset_type = SEARCHED[asset.type_name]
    properties: Json = {k: v for k, v in asset.attributes.items() if k != "viewStatement"}
    properties |= {"object_type": object_type, "asset_type": [asset_type]}
    if asset.contacts:
        properties["contacts"] = {
            kind: [{"id": who, "info": info} for who, info in some] for kind, some in asset.contacts.items()
        }
    if asset.said and asset.description:
        properties["description"] = asset.description
    if owners and asset.owner:
        properties["owner"] = asset.owner
    if asset.business:
        properties |= asset.business
    if asset.custom:
        properties["custom_attributes"] = asset.custom
    if "viewStatement" in asset.attributes:
        properties["view_text"] = asset.attributes["viewStatement"]
    return Dataset(
        qualified_name=asset.qualified_name,
        kind=asset.kind,
        container=asset.collection,
        name=asset.name,
        namespace=asset.type_name,
        comment=asset.said or asset.description,
        owner=owners[0][0] if owners else asset.owner,
        owner_kind="user" if owners else None,
        location=asset.place,
        size_bytes=asset.size_bytes,
        properties=json.loads(json.dumps(properties)),
        columns=columns.expected(asset.fields, asset.write),
        tags=tuple(sorted(_tags(asset), key=lambda t: (t.path, t.kind, t.tag, t.origin))),
    )


def _tags(asset: Asset) -> Iterator[Tag]:
    for one in asset.classifications:
        yield Tag(one.name, "classification", origin=one.source, confidence=one.confidence)
    for term in asset.terms:
        yield Tag(term, "term")
    for label in asset.labels:
        yield Tag(label, "label")
    for field in asset.fields:
        if field.sensitive:
            yield Tag(SENSITIVE[field.sensitive], "classification", path=field.name, origin="DataScan")
