"""HTTP for the platforms that are spoken to over REST: one bounded session whose every failure is a GovernanceError.

It is a `requests.Session`, so that an SDK built on requests can use it unchanged; on top of its own checks it raises
for each status, so the SDK never sees a failure.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from governance.errors import ConfigurationError, DeadlineExceeded, GovernanceError, TlsError, Unavailable
from governance.pace import BatchSize
from resources.calls import CallPolicy
from resources.http_bounded import BoundedAdapter, TooLong
from resources.http_errors import SHOWN, Damaged, Oversized, Redaction, refusal, said_by

T = TypeVar("T")


class Bearer(AuthBase):
    """A token in the Authorization header; unlike a plain header it is not replaced from a netrc file."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with its token."""
        r.headers["Authorization"] = f"Bearer {self._token}"
        return r


class RestSession(requests.Session):
    """A session for one source.

    Args:
        platform: the platform word, for messages.
        policy: time-outs; a whole answer takes at most `deadline` seconds and `longest_answer` bytes, unpacked.
        auth: how requests are signed.
        verify: whether to check the server's certificate, or the file with the authority to check it against.
        secrets: what must not appear in any message.
    """

    def __init__(
        self,
        platform: str,
        policy: CallPolicy,
        *,
        auth: AuthBase | tuple[str, str] | None = None,
        verify: bool | str = True,
        secrets: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.platform, self.policy = platform, policy
        self.redacted = Redaction(secrets)
        self.auth = auth
        self.verify = verify
        adapter = BoundedAdapter(policy, pool_connections=4, pool_maxsize=16, max_retries=0)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """The answer, read to its end and successful.

        Raises:
            GovernanceError: everything else; `Oversized` for 413 and 414.
        """
        operation = f"{_text(method)} {urlsplit(_text(url)).path}"
        kwargs.setdefault("timeout", (self.policy.connect_timeout, self.policy.read_timeout))
        # a redirect would carry the credentials elsewhere; the platforms' APIs have none
        kwargs["allow_redirects"] = False
        if isinstance(self.verify, str):
            # requests would let REQUESTS_CA_BUNDLE win over the session's own authority
            kwargs.setdefault("verify", self.verify)
        try:
            response = super().request(method, url, *args, **kwargs)
        except (requests.RequestException, OSError) as error:
            raise self._failure(error, operation) from error
        if response.status_code >= 300:
            raise self.refusal(response, operation)
        return response

    def json(self, method: str, url: str, **kwargs: Any) -> Any:
        """The answer's JSON.

        Raises:
            Damaged: the answer is something else, such as a proxy's page.
        """
        response = self.request(method, url, **kwargs)
        operation = f"{method} {urlsplit(url).path}"
        kind = response.headers.get("content-type", "")
        if "json" not in kind:
            raise self._no_json(f"it is {kind or 'of no declared type'}: {said_by(response)}", operation)
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise self._no_json(str(error), operation) from error

    def _no_json(self, why: str, operation: str) -> Damaged:
        return Damaged(
            self.redacted(f"the answer is not JSON: {why}"),
            platform=self.platform,
            operation=operation,
            remedy="if this stays, check that the address is the server's own and not a proxy's or a log-in page's",
        )

    def refusal(self, response: requests.Response, operation: str) -> GovernanceError:
        """The error that an unsuccessful status means."""
        said = self.redacted(said_by(response))
        return refusal(response.status_code, response.headers, said, self.platform, operation)

    def _failure(self, error: Exception, operation: str) -> GovernanceError:
        """The error that an exception below HTTP means."""
        what = self.redacted(str(error))[:SHOWN]
        where: dict[str, Any] = {"platform": self.platform, "operation": operation}
        match error:
            case requests.exceptions.SSLError():
                remedy = "give the authority's certificate file as ca_bundle, or correct the server's certificate"
                return TlsError(f"the server's certificate is not to be trusted: {what}", remedy=remedy, **where)
            case OSError() if _about_a_file(error):
                return ConfigurationError(f"a TLS file cannot be read: {what}", remedy="correct ca_bundle", **where)
            case requests.exceptions.ConnectTimeout():
                return Unavailable(f"no connection: {what}", remedy=_REACH, **where)
            case requests.exceptions.Timeout():
                return DeadlineExceeded(f"no answer in time: {what}", **where)
            case TooLong():
                return Oversized(what, remedy="lower page_size of this source", **where)
            case (
                requests.exceptions.InvalidURL()
                | requests.exceptions.MissingSchema()
                | requests.exceptions.InvalidSchema()
            ):
                remedy = "write the whole address, such as https://atlas.example.com:21443"
                return ConfigurationError(f"this is no address to call: {what}", remedy=remedy, **where)
            case requests.exceptions.ContentDecodingError() | requests.exceptions.ChunkedEncodingError():
                return Damaged(f"the answer broke off or is damaged: {what}", **where)
        return Unavailable(f"no connection: {what}", remedy=_REACH, **where)


_REACH = "check the address, and that this machine may reach it"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _about_a_file(error: BaseException) -> bool:
    return not isinstance(error, requests.RequestException) and "CA" in str(error)


class Batches:
    """Bulk calls of one kind, of a size that is learned."""

    def __init__(self, batch: BatchSize) -> None:
        self.batch = batch

    def fetch(self, items: Sequence[str], call: Callable[[Sequence[str]], T]) -> Iterator[T]:
        """The results of `call` over all items, in order.

        Args:
            items: what to ask for.
            call: asks for some of them; raises Oversized where they are too many.

        Raises:
            Oversized: a single item is too large.
        """
        at = 0
        while at < len(items):
            some = items[at : at + self.batch.size]
            try:
                out = call(some)
            except Oversized:
                if len(some) == 1:
                    raise
                self.batch.too_many(len(some))
                continue
            self.batch.went_well(len(some))
            at += len(some)
            yield out
