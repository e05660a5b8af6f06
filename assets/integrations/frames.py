"""Messages on a pipe: eight bytes of length, and as many bytes."""

from typing import IO


def write_frame(to: IO[bytes], body: bytes) -> None:
    """Sends a message.

    Raises:
        OSError: nobody reads any more.
    """
    to.write(len(body).to_bytes(8, "little"))
    to.write(body)
    to.flush()


def read_frame(of: IO[bytes]) -> bytes | None:
    """The next message; None where the pipe has ended, be it in the middle of one."""
    head = of.read(8)
    if len(head) < 8:
        return None
    size = int.from_bytes(head, "little")
    body = of.read(size)
    return body if len(body) == size else None
