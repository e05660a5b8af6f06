"""What a platform's documentation says of how hard it may be asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PaceLimits:
    """The bounds of what may be learned of one platform.

    Args:
        per_second: calls a second at most; None where none is documented.
        at_once: calls at once at most; None where the platform is bound by a rate and not by latency.
        first: calls at once of a source of which nothing is known yet.
        buckets: what is metered apart: the beginning of an operation, and the name of its bucket; an operation that
            none of them fits is in the platform's own.
    """

    per_second: float | None = None
    at_once: int | None = None
    first: int = 4
    buckets: tuple[tuple[str, str], ...] = ()

    def bucket(self, platform: str, operation: str) -> str:
        """The name of the bucket that a call is drawn from."""
        return next((name for start, name in self.buckets if operation.startswith(start)), platform)
