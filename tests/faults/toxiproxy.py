"""Shopify's toxiproxy between a client and a TCP server, as `make faults` builds it into `build/bin`."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.faults.postgres import free_port

BINARY = Path(__file__).resolve().parents[2] / "build" / "bin" / "toxiproxy-server"


class Toxiproxy:
    """One proxy; its toxics are named by their number."""

    def __init__(self, upstream: int) -> None:
        self.port = free_port()
        api = free_port()
        self._api, self._number = f"http://127.0.0.1:{api}", 0
        self._process = subprocess.Popen(
            [str(BINARY), "-host", "127.0.0.1", "-port", str(api)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        proxy = {"name": "it", "listen": f"127.0.0.1:{self.port}", "upstream": f"127.0.0.1:{upstream}"}
        until = time.monotonic() + 30
        while True:
            try:
                requests.post(f"{self._api}/proxies", json=proxy, timeout=5).raise_for_status()
                return
            except requests.ConnectionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def add(self, kind: str, stream: str = "downstream", **attributes: Any) -> str:
        """A toxic on all connections, present and new; its name."""
        self._number += 1
        name = f"t{self._number}"
        toxic = {"name": name, "type": kind, "stream": stream, "attributes": attributes}
        requests.post(f"{self._api}/proxies/it/toxics", json=toxic, timeout=5).raise_for_status()
        return name

    def remove(self, name: str) -> None:
        requests.delete(f"{self._api}/proxies/it/toxics/{name}", timeout=5).raise_for_status()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@contextmanager
def toxiproxy(upstream: int) -> Iterator[Toxiproxy]:
    """A running one before this loopback port."""
    proxy = Toxiproxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
