"""The sandbox as one process: serves every platform, seeds them side by side, and writes what reaches them.

Under `HOME/sandbox/`: `state.json` says how far it is, `estate.yaml`, `secrets/` and `PLATFORM-ca.pem` let the project
read it, and `ports.json` lets the next start take the same ports.
"""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.serving import Company, Face, Served, serve

HOURLY, DAILY = "0 * * * *", "{minute} 3 * * *"


@dataclass(frozen=True)
class Reached:
    """A server that somebody else runs and that is only to be seeded."""

    face: Face
    url: str


class Folder:
    """The sandbox's files under the state directory."""

    def __init__(self, home: Path) -> None:
        self.path = home / "sandbox"

    def prepare(self) -> None:
        """Makes the folder, without the last run's state."""
        (self.path / "secrets").mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file("state").unlink(missing_ok=True)

    def read(self, name: str) -> dict[str, Any]:
        """A file's content; empty where there is none."""
        try:
            value = json.loads(self._file(name).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return value if isinstance(value, dict) else {}

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Replaces a file in one step, so that no reader sees half of it."""
        draft = self.path / f".{name}.new"
        draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
        draft.replace(self._file(name))

    def write_estate(self, served: Sequence[Served | Reached]) -> None:
        """The estate and the secret files that it names."""
        lines = (
            "# Written by the sandbox at each start. To change it, copy it to estate.yaml and set GOVERNANCE_ESTATE.\n"
        )
        sources = [self._source(n, one) for n, one in enumerate(served)]
        text = yaml.safe_dump({"version": 1, "sources": sources}, sort_keys=False, allow_unicode=True)
        draft = self.path / ".estate.new"
        draft.write_text(lines + text, encoding="utf-8")
        draft.replace(self.path / "estate.yaml")

    def _source(self, n: int, one: Served | Reached) -> dict[str, Any]:
        for name, value in one.face.secrets().items():
            self._secret(name, value)
        return {
            "name": one.face.source,
            "platform": one.face.platform,
            "connection": self._with_files(one.face.connection(one.url), self.trust(one.face)),
            "schedule": HOURLY if one.face.platform == "glue" else DAILY.format(minute=5 * n),
        }

    def _secret(self, name: str, value: str) -> None:
        path = self.path / "secrets" / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(value)

    def trust(self, face: Face) -> dict[str, str]:
        """The authority's certificate, kept here so that its path outlives the process: the face's path to ours."""
        if face.ca is None:
            return {}
        kept = self.path / f"{face.platform}-ca.pem"
        draft = self.path / f".{kept.name}.new"
        shutil.copyfile(face.ca, draft)
        draft.replace(kept)
        return {str(face.ca): str(kept)}

    def _with_files(self, value: Any, kept: Mapping[str, str]) -> Any:
        """`{env: NAME}` becomes `{file: …/secrets/NAME}`: the sandbox needs no variable to be set anywhere."""
        if isinstance(value, str):
            return kept.get(value, value)
        if not isinstance(value, dict):
            return value
        if set(value) == {"env"}:
            return {"file": str(self.path / "secrets" / value["env"])}
        return {key: self._with_files(inner, kept) for key, inner in value.items()}

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.json"


def host(home: Path, company: Company, wanted: Sequence[Face], elsewhere: Mapping[str, str]) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        home: the state directory.
        company: size and seed of the estate.
        wanted: the faces to serve.
        elsewhere: URLs of servers that already run (a real Atlas) and are only to be seeded, by platform.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    folder = Folder(home)
    folder.prepare()
    state: dict[str, Any] = {"pid": os.getpid(), "scale": company.scale, "seed": company.seed, "ready": False}
    ports = folder.read("ports")
    reached: list[Served | Reached] = []
    try:
        for face in wanted:
            url = elsewhere.get(face.platform)
            reached.append(Reached(face, url) if url else _serve(face, int(ports.get(face.platform, 0))))
        state["platforms"] = {one.face.platform: _about(one, folder) for one in reached}
        folder.write("ports", ports | {r.face.platform: int(r.url.rpartition(":")[2]) for r in reached})
        _seed(reached, folder, state, ended)
        if not ended.is_set():
            folder.write_estate(reached)
            folder.write("state", state | {"ready": True})
        ended.wait()
    finally:
        _stop([one for one in reached if isinstance(one, Served)])


def _stop(served: Sequence[Served]) -> None:
    """All at once: a server may wait for a call that is under way."""
    threads = [threading.Thread(target=one.stop) for one in served]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _seed(served: Sequence[Served | Reached], folder: Folder, state: dict[str, Any], ended: threading.Event) -> None:
    """Fills all servers at once; each that is full shows in the state."""
    with ThreadPoolExecutor(max(len(served), 1)) as pool:
        jobs = {pool.submit(_timed, one): one for one in served}
        folder.write("state", state)
        for job in as_completed(jobs):
            about = state["platforms"][jobs[job].face.platform]
            about["seconds"] = round(job.result(), 2)
            about["seeded"] = True
            folder.write("state", state)
            if ended.is_set():
                return


def _timed(one: Served | Reached) -> float:
    begun = time.monotonic()
    one.face.seed(one.url)
    return time.monotonic() - begun


def _serve(face: Face, port: int) -> Served:
    """On the port of the last run where that is free."""
    try:
        return serve(face, port)
    except OSError:
        return serve(face)


def _about(one: Served | Reached, folder: Folder) -> dict[str, Any]:
    return {
        "source": one.face.source,
        "url": one.url,
        "ca": next(iter(folder.trust(one.face).values()), None),
        "faults": not isinstance(one, Reached),
        "seeded": False,
    }
