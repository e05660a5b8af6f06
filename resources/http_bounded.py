"""Answers read to their end within bounds of time and size, before an SDK sees them.

An SDK reads an answer as long as bytes come: one that drips in would hold a thread for hours, and a huge one take all
memory. What is too long is not held, however well it was packed.
"""

import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError, ReadTimeoutError

from resources.policy import CallPolicy

_CHUNK = 256 * 1024


class TooLong(requests.RequestException):
    """An answer is longer than allowed."""


class TooSlow(requests.exceptions.ReadTimeout):
    """An answer drips in past the deadline."""


def read_bounded(raw: Any, most: int, seconds: float) -> bytes:
    """The unpacked body of an answer.

    Reads what has come and no more at a time: a full chunk of a dripping answer would be waited for far too long.

    Args:
        raw: urllib3's response.
        most: bytes.
        seconds: from now to the last byte.

    Raises:
        TooLong, TooSlow: it goes past its bounds.
        HTTPError: of urllib3, it broke off or is damaged.
    """
    until, size = time.monotonic() + seconds, 0
    parts = []
    while part := raw.read1(_CHUNK, decode_content=True):
        size += len(part)
        parts.append(part)
        if size > most:
            raise TooLong(f"the answer has more than {most} bytes")
        if time.monotonic() > until:
            raise TooSlow(f"after {seconds:.0f} s only {size} bytes had come")
    return b"".join(parts)


class BoundedAdapter(HTTPAdapter):
    """An adapter for `requests` whose responses are whole.

    Args:
        policy: a whole answer takes at most `deadline` seconds and `longest_answer` bytes.
        authorities: a file of certificates to trust; a session's own setting would yield to REQUESTS_CA_BUNDLE.
        pool: as `HTTPAdapter` takes it.
    """

    def __init__(self, policy: CallPolicy, authorities: str | None = None, **pool: Any) -> None:
        super().__init__(**pool)
        self._policy, self._authorities = policy, authorities

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """One request, and its answer to the end."""
        trusted = {} if self._authorities is None else {"verify": self._authorities}
        response = super().send(request, *args, **{**kwargs, **trusted})
        try:
            body = read_bounded(response.raw, self._policy.longest_answer, self._policy.deadline)
        except ReadTimeoutError as error:
            raise requests.exceptions.ReadTimeout(error, request=request) from error
        except DecodeError as error:
            raise requests.exceptions.ContentDecodingError(error, request=request) from error
        except ProtocolError as error:
            raise requests.exceptions.ChunkedEncodingError(error, request=request) from error
        except HTTPError as error:
            raise requests.exceptions.ConnectionError(error, request=request) from error
        finally:
            # gives the connection back where the body was read to its end, else ends it
            response.close()
        if "json" in response.headers.get("content-type", ""):
            _check_utf8(body, request)
        # where requests keeps a body that it has read; it offers no other way to bound one
        kept: Any = response
        kept._content, kept._content_consumed = body, True
        return response


def _check_utf8(body: bytes, request: requests.PreparedRequest) -> None:
    """Left to it, requests would guess another encoding, and names would come out as others."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise requests.exceptions.ContentDecodingError(f"the JSON is no UTF-8: {error}", request=request) from error
