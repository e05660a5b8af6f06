"""The second process of a first load: records in, listed datasets out, until its standard input ends."""

import gc
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from importlib import import_module

import msgspec

from assets.integrations.frames import read_frame, write_frame
from governance.listing import Untranslated
from resources.inventory.listed import Listed, listed

Answer = list[Listed | None] | None
"""The datasets of a task, in the order of its records; None for what the other side has to look at itself."""

_TASK = msgspec.msgpack.Decoder(Untranslated)
_ANSWER = msgspec.msgpack.Encoder()


def answer(records: Untranslated) -> Answer:
    """What becomes of the records."""
    return [listed(found) for found in import_module(records.by).datasets_of(records.context, records.records)]


def main() -> None:
    """Works through what comes on standard input; says that it is there with an empty message.

    A defect ends it: the same records meet it once more on the other side, where the run's step tells of it.
    """
    # the terminal's Ctrl-C reaches us too, but it is our standard input that says when to end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(50_000, 20, 100)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # a line that somebody logs must not come among the answers
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    write_frame(out, b"")
    # taken in at once: who sends must never wait for us while we wait for him
    tasks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_take_in, args=[tasks], daemon=True).start()
    while (body := tasks.get()) is not None:
        write_frame(out, _ANSWER.encode(answer(_TASK.decode(body))))


def _take_in(tasks: "queue.SimpleQueue[bytes | None]") -> None:
    while (body := read_frame(sys.stdin.buffer)) is not None:
        tasks.put(body)
    tasks.put(None)


if __name__ == "__main__":
    # who asked may be gone
    with suppress(OSError):
        main()
        # without taking Python apart
        os._exit(0)
