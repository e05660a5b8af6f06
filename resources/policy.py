"""The bounds of every call to a platform."""

from dataclasses import dataclass, field

from governance.pace import PaceLimits


@dataclass(frozen=True)
class CallPolicy:
    """Bounds of one operation, in seconds. A Retry-After above `longest_wait` is waited for `longest_wait` only.

    Until a server has answered once, one that is out of reach is tried for `first_contact` only. After
    `circuit_failures` operations in a row that were given up, a source is left alone for `circuit_rest`. One answer is
    at most `longest_answer` bytes long, unpacked. `pace` bounds how fast and how many at once calls are made.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 60.0
    deadline: float = 300.0
    read_timeout: float = 60.0
    connect_timeout: float = 10.0
    first_contact: float = 20.0
    circuit_failures: int = 10
    circuit_rest: float = 30.0
    longest_answer: int = 64 * 2**20
    pace: PaceLimits = field(default_factory=PaceLimits)
