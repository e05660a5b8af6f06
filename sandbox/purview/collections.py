"""The account's collections: a tree, who may read which, and the calls of the account data plane."""

import base64
import re
import threading
from datetime import UTC, datetime
from typing import Any

import msgspec

from sandbox.purview.identity import CURATOR, LIMITED, READER

Json = dict[str, Any]

ACCOUNT = "harbourpine"
PAGE = 4
"""Collections in one answer; the service does not say how many it gives, so that a small page shows the paging."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,34}[A-Za-z0-9]")


class Collection(msgspec.Struct):
    """One collection; the root has no parent."""

    name: str
    friendly: str
    parent: str | None
    description: str | None
    created: str
    changed: str


class Refused(Exception):
    """A refusal of the account data plane: `{"error": {"code", "message"}}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"error": {"code": code, "message": message}}


class Collections:
    """The tree, and the readers' rights in it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._all: dict[str, Collection] = {}
        self.readers: dict[str, set[str]] = {READER: {ACCOUNT}, CURATOR: {ACCOUNT}, LIMITED: {"retail"}}
        """Data readers by client id: the collections where the role was given; those below inherit it."""
        self.administrators: dict[str, set[str]] = {CURATOR: {ACCOUNT}, READER: {ACCOUNT}}
        """Collection administrators in the same way; nothing keeps this role from being inherited."""
        self.restricted: set[str] = set()
        """Collections that inherit no reader from above."""
        now = _now()
        self._all[ACCOUNT] = Collection(ACCOUNT, "Harbour & Pine", None, "The root collection.", now, now)

    # --- rights ---

    def may_read(self, client: str, name: str) -> bool:
        """Whether the client is data reader of this collection or one above it."""
        with self._lock:
            given = self.readers.get(client, set())
            for one in self._with_parents(name):
                if one in given:
                    return True
                if one in self.restricted:
                    return False
            return False

    def administers(self, client: str, name: str | None) -> bool:
        """Whether the client is collection administrator of this collection or one above it."""
        with self._lock:
            given = self.administrators.get(client, set())
            return any(one in given for one in self._with_parents(name))

    def set_rights(self, name: str, *, readers: set[str], administrators: set[str], restricted: bool) -> None:
        """Who has these roles on this very collection from now on."""
        with self._lock:
            for roles, holders in ((self.readers, readers), (self.administrators, administrators)):
                for client in {*roles, *holders}:
                    of_client = roles.setdefault(client, set())
                    (of_client.add if client in holders else of_client.discard)(name)
            (self.restricted.add if restricted else self.restricted.discard)(name)

    def _with_parents(self, name: str | None) -> list[str]:
        out: list[str] = []
        while name is not None and name in self._all and name not in out:
            out.append(name)
            name = self._all[name].parent
        return out

    # --- calls ---

    def listed(self, client: str, base: str, query: dict[str, str]) -> Json:
        """GET /collections: one page of those the client may read."""
        with self._lock:
            mine = [c for c in self._all.values() if self.may_read(client, c.name)]
        return _page([_shown(c) for c in mine], f"{base}/collections", query)

    def one(self, client: str, name: str) -> Json:
        """GET /collections/{name}."""
        return _shown(self._readable(client, name))

    def children(self, client: str, base: str, name: str, query: dict[str, str]) -> Json:
        """GET /collections/{name}/getChildCollectionNames."""
        self._readable(client, name)
        with self._lock:
            below = [c for c in self._all.values() if c.parent == name and self.may_read(client, c.name)]
        shown = [{"name": c.name, "friendlyName": c.friendly} for c in below]
        return _page(shown, f"{base}/collections/{name}/getChildCollectionNames", query)

    def path(self, client: str, name: str) -> Json:
        """GET /collections/{name}/getCollectionPath: the collections above, from the root down."""
        self._readable(client, name)
        with self._lock:
            above = [self._all[n] for n in reversed(self._with_parents(name)[1:])]
        return {
            "parentNameChain": [c.name for c in above],
            "parentFriendlyNameChain": [c.friendly for c in above],
        }

    def put(self, client: str, name: str, given: Json) -> Json:
        """PUT /collections/{name}: creates it, or changes its texts and parent."""
        if not _NAME.fullmatch(name):
            raise Refused(400, "3001", f"Collection name {name} is not valid")
        with self._lock:
            parent = (given.get("parentCollection") or {}).get("referenceName")
            if not self.administers(client, name if name in self._all else parent):
                raise _no_administrator()
            if name != ACCOUNT and parent not in self._all:
                raise Refused(400, "3003", f"Parent collection {parent} does not exist")
            if name in self._with_parents(parent):
                raise Refused(409, "3005", f"Collection {name} cannot be below itself")
            old, now = self._all.get(name), _now()
            friendly = str(given.get("friendlyName") or (old.friendly if old else name))
            if any(c.friendly == friendly and c.parent == parent and c.name != name for c in self._all.values()):
                raise Refused(409, "3004", f"A collection called {friendly} is there already")
            created = old.created if old else now
            self._all[name] = Collection(name, friendly, parent, given.get("description"), created, now)
            return _shown(self._all[name])

    def delete(self, client: str, name: str) -> None:
        """DELETE /collections/{name}."""
        with self._lock:
            if name not in self._all:
                raise _missing(name)
            if not self.administers(client, name):
                raise _no_administrator()
            if name == ACCOUNT or any(c.parent == name for c in self._all.values()):
                raise Refused(409, "3006", f"Collection {name} has collections below it")
            del self._all[name]

    def known(self, name: str) -> bool:
        """Whether there is such a collection."""
        with self._lock:
            return name in self._all

    def names(self) -> list[str]:
        """All reference names, in the order of their making."""
        with self._lock:
            return list(self._all)

    def parent(self, name: str) -> str | None:
        """The collection above."""
        with self._lock:
            return self._all[name].parent

    def _readable(self, client: str, name: str) -> Collection:
        with self._lock:
            found = self._all.get(name)
        if found is None:
            raise _missing(name)
        if not self.may_read(client, name):
            raise Refused(403, "Unauthorized", f"Not authorized to access collection {name}")
        return found


def account(base: str) -> Json:
    """GET /: the account's properties."""
    return {
        "id": f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/data/providers/Microsoft.Purview/accounts/{ACCOUNT}",
        "name": ACCOUNT,
        "type": "Microsoft.Purview/accounts",
        "location": "westeurope",
        "sku": {"name": "Standard", "capacity": 1},
        "properties": {
            "friendlyName": "Harbour & Pine",
            "provisioningState": "Succeeded",
            "createdAt": "2023-03-01T08:00:00Z",
            "endpoints": {"catalog": f"{base}/catalog", "scan": f"{base}/scan"},
        },
    }


_SUBSCRIPTION = "b1f0a1c2-0000-4000-8000-6d1f6c9b8e11"


def _no_administrator() -> Refused:
    return Refused(403, "Unauthorized", "Not authorized: the caller is no collection administrator")


def _missing(name: str) -> Refused:
    return Refused(404, "3002", f"Collection {name} is not found")


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _shown(one: Collection) -> Json:
    out: Json = {
        "name": one.name,
        "friendlyName": one.friendly,
        "collectionProvisioningState": "Succeeded",
        "domain": ACCOUNT,
        "systemData": {
            "createdBy": CURATOR,
            "createdByType": "Application",
            "createdAt": one.created,
            "lastModifiedBy": CURATOR,
            "lastModifiedByType": "Application",
            "lastModifiedAt": one.changed,
        },
    }
    if one.description is not None:
        out["description"] = one.description
    if one.parent is not None:
        out["parentCollection"] = {"type": "CollectionReference", "referenceName": one.parent}
    return out


def _page(items: list[Json], address: str, query: dict[str, str]) -> Json:
    """One page, and the whole address of the next in `nextLink`."""
    first = _offset(query.get("$skipToken"))
    out: Json = {"value": items[first : first + PAGE], "count": len(items)}
    if first + PAGE < len(items):
        token = base64.urlsafe_b64encode(f"from:{first + PAGE}".encode()).decode().rstrip("=")
        version = query.get("api-version", "")
        out["nextLink"] = f"{address}?api-version={version}&%24skipToken={token}"
    return out


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().removeprefix("from:"))
    except ValueError as error:
        raise Refused(400, "1001", "The skip token is not valid") from error
