"""Bounds on Snowflake's answers: its connector reads a body for as long as bytes come, and however many.

The connector brings a `requests` of its own, whose adapters only its connection can be given.
"""

from typing import Any

from snowflake.connector.connection import SnowflakeConnection
from snowflake.connector.session_manager import HttpConfig, ProxySupportAdapter
from snowflake.connector.vendored.requests import exceptions as http
from snowflake.connector.vendored.urllib3 import exceptions as low

from resources.http_bounded import TooLong, TooSlow, read_bounded
from resources.http_errors import Oversized
from resources.policy import CallPolicy
from resources.snowflake.client_errors import PLATFORM


def connect(policy: CallPolicy, options: dict[str, Any]) -> SnowflakeConnection:
    """A connection whose every answer ends within the policy's deadline and size.

    Args:
        policy: the bounds.
        options: as `snowflake.connector.connect` takes them.
    """

    def adapter(*args: Any, **kwargs: Any) -> _Bounded:
        return _Bounded(policy, *args, **kwargs)

    class Connection(SnowflakeConnection):
        @property
        def _http_config(self) -> Any:
            return self._bounded_config

        @_http_config.setter
        def _http_config(self, config: HttpConfig | None) -> None:
            # set before the login, and nothing else tells the connector which adapter to use
            self._bounded_config = config and config.copy_with(adapter_factory=adapter)

    return Connection(**options)


class _Bounded(ProxySupportAdapter):
    """Reads each answer to its end before the connector sees it, but for the streams that it asks for itself."""

    def __init__(self, policy: CallPolicy, *args: Any, **kwargs: Any) -> None:
        self._policy = policy
        inner: Any = super()
        inner.__init__(*args, **kwargs)

    def send(
        self,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """One request."""
        inner: Any = super()
        response = inner.send(request, stream, timeout, verify, cert, proxies)
        if stream:
            return response
        slow: Any = http.ReadTimeout
        broken: Any = http.ConnectionError
        try:
            body = read_bounded(response.raw, self._policy.longest_answer, self._policy.deadline)
            if "json" in response.headers.get("content-type", ""):
                body.decode()
        except TooLong as error:
            remedy = "exclude part of what is so large"
            raise Oversized(str(error), platform=PLATFORM, operation=f"{PLATFORM}:fetch", remedy=remedy) from error
        except (TooSlow, low.ReadTimeoutError) as error:
            raise slow(error, request=request) from error
        except (low.HTTPError, UnicodeDecodeError) as error:
            raise broken(error, request=request) from error
        finally:
            # gives the connection back where the body was read to its end, else ends it
            response.close()
        response._content, response._content_consumed = body, True
        return response
