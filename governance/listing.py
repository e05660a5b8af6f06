"""What a read of a platform comes back with: pages, and an outcome that is complete, partial or failed.

Unknown is not empty: whatever could not be read is a `Reason`, and a listing with a reason is never complete.
"""

from enum import StrEnum
from typing import Any

import msgspec

from governance.errors import GovernanceError
from governance.model import Container, Dataset, Fact


class Status(StrEnum):
    """The outcome of reading one scope."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


class Presence(StrEnum):
    """What a platform says of a scope that its listing no longer shows. Only ABSENT is evidence of a deletion."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a listing is not complete: the error's stable code, what happened, and what to do."""

    code: str
    message: str
    operation: str = ""
    remedy: str = ""

    @classmethod
    def of(cls, error: GovernanceError) -> "Reason":
        """The reason that an error gives."""
        return cls(error.code, error.message, error.operation, error.remedy)


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """The unit of listing inside a source: its Dagster partition key is `name`.

    Glue database, Snowflake `DATABASE.SCHEMA`, Unity Catalog `catalog.schema`, Atlas type, Purview collection.
    `detail` carries what the reader needs to read it and nobody else looks at.
    """

    name: str
    kind: str
    detail: dict[str, Any] = {}


class ScopeListing(msgspec.Struct, frozen=True, omit_defaults=True):
    """The scopes of a source after filters, and whether that list is all of them.

    `hidden` names scopes that exist but that the filters exclude: they are out of scope, not deleted.
    `containers` are those above or beside the scopes (catalogs, databases, collections).
    """

    scopes: tuple[Scope, ...]
    hidden: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def status(self) -> Status:
        """Complete only where nothing stood in the way."""
        return Status.PARTIAL if self.reasons else Status.COMPLETE


class Quarantined(msgspec.Struct, frozen=True):
    """A record that could not be understood. `name` is its qualified name where even that much was legible."""

    name: str | None
    reason: str
    payload: Any


class Untranslated(msgspec.Struct, frozen=True):
    """Records of a page that are still to be translated, here or in another process: plain data, all of it.

    `by` names the module whose `datasets_of(context, records)` gives a Dataset or a Quarantined for each record, in
    their order; `context` is what it needs to know beside them.
    """

    by: str
    context: dict[str, Any]
    records: tuple[bytes, ...]


class Page(msgspec.Struct, frozen=True):
    """A page of a scope's listing.

    `reasons` make the listing partial. `unread` names facets of these datasets that could not be read, such as `tags`:
    that they are empty here says nothing, and what is known of them stays. `notes` are facts about the reading that
    make nothing partial, such as `{"tags_lag": "up to 120 min"}`; they are recorded with the scope. `token` is the
    scope's change token, on the last page of a reader whose listing tells it.
    `passed_over` are fingerprints of records that were recognised, and are stored as they would be translated again.
    `fingerprints` are those of the records behind `datasets`, in their order, each empty where it has none; or none.
    `untranslated` are records in the place of datasets; the fingerprints are theirs then.
    """

    datasets: tuple[Dataset, ...] = ()
    containers: tuple[Container, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    reasons: tuple[Reason, ...] = ()
    notes: dict[str, str] = {}
    unread: tuple[str, ...] = ()
    token: str = ""
    passed_over: tuple[bytes, ...] = ()
    fingerprints: tuple[bytes, ...] = ()
    untranslated: Untranslated | None = None


class FactPage(msgspec.Struct, frozen=True):
    """A translated page of one part of a facet: access, lineage or usage.

    `counts` say what was met besides facts, such as `{"unparsable": 3, "external": 12}`; they are summed up over the
    part and make nothing partial, as `notes` do not. `reasons` do.
    """

    facts: tuple[Fact, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    reasons: tuple[Reason, ...] = ()
    notes: dict[str, str] = {}
    counts: dict[str, int] = {}


class Probe(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of `governance doctor`: what was tried on a source and how it ended.

    `missing` names a privilege, `remedy` is the exact grant or change to ask for.
    """

    name: str
    ok: bool
    detail: str = ""
    missing: str = ""
    remedy: str = ""
