"""A proxy before PostgreSQL that cuts the connection at a COMMIT: before it, or after it took effect.

That is what leaves a client in doubt: it has asked, and nobody answers.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

ASKED = b"Q\x00\x00\x00\x0bCOMMIT\x00"
DONE = b"C\x00\x00\x00\x0bCOMMIT\x00"

Strike = Literal["before", "unanswered", "hold"]
"""Cut before the server hears of it; cut when it is done, without the answer; keep the answer until released."""


class CommitProxy:
    """Listens on a loopback port.

    Args:
        upstream: a socket file, or host and port.
    """

    def __init__(self, upstream: str | tuple[str, int]) -> None:
        self.upstream = upstream
        self.commits = 0
        self.struck = threading.Event()
        self.release = threading.Event()
        self._at, self._how = 0, "before"
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def strike(self, at: int, how: Strike) -> None:
        """Strikes the commit with this number, counted from 1 and from now."""
        with self._lock:
            self.commits, self._at, self._how = 0, at, how
        self.struck.clear()
        self.release.clear()

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    def close(self) -> None:
        self.release.set()
        for one in [self._listener, *self._sockets]:
            _end(one)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        family = socket.AF_UNIX if isinstance(self.upstream, str) else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        try:
            server.connect(self.upstream)
        except OSError:
            _end(client)
            return
        self._sockets += [client, server]
        doomed = threading.Event()
        for source, sink, down in ((client, server, False), (server, client, True)):
            threading.Thread(target=self._pump, args=(source, sink, down, doomed), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, down: bool, doomed: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if not down and ASKED in data and self._is_next():
                    if self._how == "before":
                        self.struck.set()
                        break
                    doomed.set()
                if down and doomed.is_set() and DONE in data:
                    self.struck.set()
                    if self._how == "hold":
                        self.release.wait(60)
                    break
                sink.sendall(data)
        _end(source)
        _end(sink)

    def _is_next(self) -> bool:
        with self._lock:
            self.commits += 1
            return self.commits == self._at


@contextmanager
def commit_proxy(upstream: str | tuple[str, int]) -> Iterator[CommitProxy]:
    """A running one."""
    proxy = CommitProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        one.close()
