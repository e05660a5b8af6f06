"""One open connection to a workspace: raw JSON by the SDK's own client, pages to the very end.

The SDK's records drop what this version of it does not know, so the answers are taken as they stand.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import requests
from databricks.sdk.clock import Clock
from databricks.sdk.core import ApiClient, Config
from databricks.sdk.errors.base import DatabricksError

from governance.errors import AuthenticationError, DeadlineExceeded, GovernanceError, ProtocolError
from resources.calls import Caller, CallPolicy, Meter
from resources.cursors import MOST_RESTARTS, has_expired, named
from resources.databricks.client_auth import MachineToken, PersonalToken
from resources.databricks.client_errors import PLATFORM, Answer, classify, is_stale_token
from resources.http_bounded import BoundedAdapter
from resources.http_errors import Damaged, Oversized, retry_after

Json = dict[str, Any]

CATALOG = "/api/2.1/unity-catalog"
STATEMENTS = "/api/2.0/sql/statements"
MOST_TABLES = 50
"""Tables with their columns on one page, which is what the server gives at most."""

_TOO_MUCH = frozenset({408, 413, 414, 504})
_SMALLER: tuple[type[GovernanceError], ...] = (DeadlineExceeded, Damaged)
"""Errors that a smaller question may avoid."""

_MOST_EMPTY = 1_000
"""Empty pages in a row after which a next token is taken for endless."""


@dataclass(frozen=True)
class Connection:
    """Everything a session needs, secrets revealed."""

    host: str
    token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    warehouse_id: str | None = None
    tags: Literal["sql", "entity", "off"] = "off"
    details: bool = False
    query_texts: int = 0
    ca_bundle: str | None = None


class OneTry(Clock):
    """A clock that ends the SDK's own retry loop: to sleep is to be past every deadline. Our Caller retries."""

    def __init__(self) -> None:
        self._slept = threading.local()

    def time(self) -> float:
        """Seconds, ahead by all the sleeps of this thread."""
        return time.time() + float(getattr(self._slept, "seconds", 0.0))

    def sleep(self, seconds: float) -> None:
        """Takes no time, and passes a day."""
        self._slept.seconds = getattr(self._slept, "seconds", 0.0) + 86_400.0


class IsolatedConfig(Config):
    """The SDK's configuration from the estate alone: no variables, no ~/.databrickscfg, no call to look up the host."""

    def _load_from_env(self) -> None:
        return

    def _known_file_config_loader(self) -> None:
        return

    def _resolve_host_metadata(self) -> None:
        return


class Workspace:
    """Calls one workspace. Safe to use from several threads."""

    def __init__(self, connection: Connection, policy: CallPolicy) -> None:
        self.connection = connection
        self.grantee = connection.client_id or "<user>"
        self._answer = threading.local()
        self._auth = _login(connection, policy)
        self.policy = policy
        self.caller = Caller(PLATFORM, self._classify, policy, Meter())
        self._api = self._opened()

    @property
    def meter(self) -> Meter:
        """What was done so far."""
        return self.caller.meter

    def get(self, path: str, query: Json | None = None, *, base: str = CATALOG, body: Json | None = None) -> Json:
        """The JSON object at `path`; some calls of the platform want a GET's arguments in its body.

        Raises:
            GovernanceError: after retries.
        """
        return self._call("GET", f"{base}{path}", query, body)

    def post(self, path: str, body: Json) -> Json:
        """The answer to a POST of something that may be sent twice.

        Raises:
            GovernanceError: after retries.
        """
        return self._call("POST", path, None, body)

    def pages(self, path: str, key: str, **query: Any) -> Iterator[list[Any]]:
        """The records of each page that has any, until the next token is absent.

        Raises:
            GovernanceError: a page failed for good, or the tokens lead in a circle or nowhere.
        """
        # only a page of tables, with their columns, is ever too much
        heavy = path == "/tables" and not query.get("omit_columns")
        size = self.meter.paces.batch(f"GET {CATALOG}{path}", MOST_TABLES) if heavy else None
        query = {"max_results": 0, **query}
        seen: set[str] = set()
        known: set[str] = set()
        empty = restarts = 0
        while True:
            asked = 1 if size is None else size.size
            if size is not None:
                query["max_results"] = asked if asked < MOST_TABLES else 0
            try:
                answer = self._call("GET", f"{CATALOG}{path}", query, None, divisible=asked > 1)
            except GovernanceError as error:
                if size is not None and asked > 1 and isinstance(error, Oversized):
                    size.too_many(asked)
                    continue
                if not has_expired(error, query.pop("page_token", None)) or restarts == MOST_RESTARTS:
                    raise
                # from its beginning, records and all: what is told twice counts once
                restarts, seen, known = restarts + 1, set(), set()
                continue
            if size is not None:
                size.went_well(asked)
            self.meter.add(pages=1)
            # an empty list may be left out, but then there is nothing else but the token
            records = answer.get(key, [] if answer.keys() <= {"next_page_token"} else None)
            if not isinstance(records, list):
                raise self._nonsense(path, f"{key} is no list")
            empty = 0 if records else empty + 1
            if fresh := _fresh(records, known):
                yield fresh
            elif records:
                raise self._nonsense(path, "a page repeats what others held already")
            token = answer.get("next_page_token")
            if not token:
                return
            if token in seen or empty > _MOST_EMPTY:
                raise self._nonsense(
                    path,
                    f"the next page token {named(token)} leads in a circle" if token in seen else "pages never end",
                )
            seen.add(token)
            query = {**query, "page_token": token}

    def close(self) -> None:
        """Gives back the sockets."""
        self._http.close()

    def _call(self, method: str, path: str, query: Json | None, body: Json | None, *, divisible: bool = False) -> Json:
        """The answer; where less can be asked for, what may be too much is Oversized and not tried again as it is."""

        def once() -> Json:
            # the SDK builds its address by pasting: what is no plain path must be escaped before
            answer = self._api.do(method, path, query=query, body=body, headers={"Accept": "application/json"})
            if not isinstance(answer, dict):
                raise self._nonsense(path, "the answer is no JSON object")
            return answer

        def call() -> Json:
            self._answer.last = Answer()
            try:
                return once()
            except (DatabricksError, TimeoutError) as error:
                if not is_stale_token(error, self._last()) or not self._auth.renew():
                    raise
            return once()

        def smaller() -> Json:
            try:
                return call()
            except (DatabricksError, TimeoutError, requests.RequestException, RecursionError) as error:
                said = self._classify(error, f"{method} {path}")
                if self._last().status not in _TOO_MUCH and not isinstance(said, _SMALLER):
                    raise
                raise Oversized(str(said or error), platform=PLATFORM, operation=f"{method} {path}") from error

        return self.caller(f"{method} {path}", smaller if divisible else call)

    def _classify(self, error: Exception, operation: str) -> GovernanceError | None:
        return classify(error, operation, self._last(), self.grantee)

    def _last(self) -> Answer:
        last = getattr(self._answer, "last", None)
        return last if isinstance(last, Answer) else Answer()

    def _remember(self, response: requests.Response, *_: Any, **__: Any) -> None:
        headers = response.headers
        self._answer.last = Answer(response.status_code, headers.get("content-type", ""), retry_after(headers))

    def _opened(self) -> ApiClient:
        # the SDK looks its fields up once, in the class that is asked first: in ours it would find none
        Config.attributes()
        config = IsolatedConfig(
            host=self.connection.host,
            credentials_strategy=self._auth,
            clock=OneTry(),
            http_timeout_seconds=self.policy.read_timeout,
            retry_timeout_seconds=3600,
        )
        api = ApiClient(config)
        # the SDK has one time-out for connecting and reading, and tells no status: its session is the only way
        inner: Any = api._api_client
        inner._http_timeout_seconds = (self.policy.connect_timeout, self.policy.read_timeout)
        self._http: requests.Session = inner._session
        self._http.hooks["response"].append(self._remember)
        pool = {"pool_connections": 20, "pool_maxsize": 20, "pool_block": True}
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, BoundedAdapter(self.policy, self.connection.ca_bundle, **pool))
        return api

    def _nonsense(self, path: str, message: str) -> ProtocolError:
        return ProtocolError(
            message, platform=PLATFORM, operation=f"GET {path}", remedy="report it to the server's maker"
        )


def _fresh(records: list[Any], known: set[str]) -> list[Any]:
    """The records that no earlier page held; those without a name count as such."""
    out = []
    for record in records:
        name = (
            (record.get("full_name") or record.get("name") or record.get("tag_key"))
            if isinstance(record, dict)
            else None
        )
        if not isinstance(name, str):
            out.append(record)
        elif name not in known:
            known.add(name)
            out.append(record)
    return out


def part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def _login(connection: Connection, policy: CallPolicy) -> PersonalToken | MachineToken:
    if connection.token is not None:
        return PersonalToken(connection.token)
    if connection.client_id is None or connection.client_secret is None:
        raise AuthenticationError("neither a token nor a service principal", platform=PLATFORM, operation="login")
    timeout = (policy.connect_timeout, policy.read_timeout)
    verify = connection.ca_bundle or True
    return MachineToken(connection.host, connection.client_id, connection.client_secret, timeout, verify)
