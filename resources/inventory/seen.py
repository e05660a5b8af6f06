"""The set of dataset ids that a listing has shown: a bit each, in chunks, so that millions fit in little memory."""

_BITS = 12
_MASK = (1 << _BITS) - 1


class Seen:
    """Ids, added once. A scope's ids are mostly neighbours, so a chunk of 4,096 costs 512 bytes."""

    def __init__(self) -> None:
        self._chunks: dict[int, bytearray] = {}
        self._count = 0

    def add(self, number: int) -> bool:
        """Whether it was new."""
        chunk = self._chunks.get(number >> _BITS)
        if chunk is None:
            chunk = self._chunks[number >> _BITS] = bytearray(1 << (_BITS - 3))
        at, bit = (number & _MASK) >> 3, 1 << (number & 7)
        if chunk[at] & bit:
            return False
        chunk[at] |= bit
        self._count += 1
        return True

    def __contains__(self, number: int) -> bool:
        """Whether it was added."""
        chunk = self._chunks.get(number >> _BITS)
        return chunk is not None and bool(chunk[(number & _MASK) >> 3] & (1 << (number & 7)))

    def __len__(self) -> int:
        """How many different ids were added."""
        return self._count
