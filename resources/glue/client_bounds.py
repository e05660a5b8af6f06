"""Bounds on AWS's answers: botocore reads a body for as long as bytes come, and however many."""

from typing import Any

from botocore.exceptions import ReadTimeoutError, ResponseStreamingError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as SocketTimeout

from resources.glue.client_errors import PLATFORM
from resources.http_bounded import TooLong, TooSlow, read_bounded
from resources.http_errors import Oversized
from resources.policy import CallPolicy


def bound(client: Any, policy: CallPolicy) -> None:
    """Makes a client of boto3 read each answer within the policy's deadline and size.

    botocore has no hook for this: its endpoint's session is replaced by one that reads before botocore does.
    """
    client._endpoint.http_session = _Bounded(client._endpoint.http_session, policy)


class _Bounded:
    """botocore's session, whose answers come whole."""

    def __init__(self, session: Any, policy: CallPolicy) -> None:
        self._session, self._policy = session, policy

    def send(self, request: Any) -> Any:
        # else botocore reads the body at once
        request.stream_output = True
        response = self._session.send(request)
        try:
            response._content = read_bounded(response.raw, self._policy.longest_answer, self._policy.deadline)
        except TooLong as error:
            remedy = "find the table that is so large, and exclude it"
            raise Oversized(str(error), platform=PLATFORM, operation=_operation(request), remedy=remedy) from error
        except (TooSlow, SocketTimeout) as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except HTTPError as error:
            raise ResponseStreamingError(error=error) from error
        finally:
            # gives the connection back where the body was read to its end, else ends it
            response.raw.close()
            response.raw.release_conn()
        return response

    def close(self) -> None:
        self._session.close()


def _operation(request: Any) -> str:
    target = str(request.headers.get("X-Amz-Target") or request.url)
    return f"glue:{target.rpartition('.')[2]}" if "AWSGlue" in target else target
