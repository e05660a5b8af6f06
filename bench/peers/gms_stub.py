"""A DataHub server that takes everything and keeps nothing: what its client pays for feeding it, and no more.

Raw asyncio protocol, HTTP/1.1 with keep-alive; counts calls and bytes, and prints them at the end.
"""

import argparse
import asyncio
import collections
import json
import signal

CONFIG = json.dumps(
    {
        "models": {},
        "patchCapable": True,
        "noCode": "true",
        "retention": "true",
        "statefulIngestionCapable": True,
        "supportsImpactAnalysis": True,
        "timeZone": "GMT",
        "datahub": {"serverType": "quickstart"},
        "versions": {"acryldata/datahub": {"version": "v1.3.0", "commit": "0"}},
    }
).encode()


class Connection(asyncio.Protocol):
    """One client: requests with a length or in chunks, answered in their order."""

    seen: collections.Counter[str] = collections.Counter()
    size: collections.Counter[str] = collections.Counter()

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers every request that is whole."""
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            lines = self._buffer[:head].decode("latin-1").split("\r\n")
            end = self._end(head + 4, lines[1:])
            if end is None or len(self._buffer) < end:
                return
            body = bytes(self._buffer[head + 4 : end])
            del self._buffer[:end]
            method, path, _ = lines[0].split(" ", 2)
            key = f"{method} {path.partition('?')[0][:80]}"
            self.seen[key] += 1
            self.size[key] += len(body)
            self._send(_answer(method, path, body))

    def _end(self, start: int, headers: list[str]) -> int | None:
        """Where the request that begins its body at `start` ends; None where that is not known yet."""
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in headers)}
        if found.get("transfer-encoding", "").lower() == "chunked":
            last = self._buffer.find(b"0\r\n\r\n", start)
            return None if last < 0 else last + 5
        return start + int(found.get("content-length", 0))

    def _send(self, body: bytes) -> None:
        assert self._transport is not None
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


def _answer(method: str, path: str, body: bytes) -> bytes:
    if path.startswith("/config"):
        return CONFIG
    if method == "GET":
        return b"{}"
    if path.startswith("/openapi"):
        return b"[]"
    if "graphql" in path and b"query" in body[:40]:
        return b'{"data":{}}'
    return b'{"value":"ok"}'


async def serve(port: int) -> None:
    """Runs until SIGTERM."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for key, count in Connection.seen.most_common(20):
        print(count, Connection.size[key], key, flush=True)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    asyncio.run(serve(options.parse_args().port))
