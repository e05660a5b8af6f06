"""Row counts and sizes of an estate: as declared with the default seed, drawn from the seed otherwise.

Copies that `--scale` adds are drawn with every seed, so that not all of them have the same figures.
"""

import random
from typing import TypeVar

import msgspec

DEFAULT_SEED = 7

Counted = TypeVar("Counted", bound=msgspec.Struct)


def drawn(table: Counted, seed: int, *place: str, copy: bool = False) -> Counted:
    """The table with its `rows` and `size_bytes` between half and double of what is declared.

    Args:
        table: a declaration; a figure that it does not have, or that is zero, stays so.
        seed: the company's.
        place: names that tell this table from all others, so that its figures do not depend on their order.
        copy: whether `--scale` has added it.
    """
    if seed == DEFAULT_SEED and not copy:
        return table
    factor = random.Random(f"{seed}/{'/'.join(place)}").uniform(0.5, 2.0)
    figures = {name: getattr(table, name) for name in ("rows", "size_bytes")}
    return msgspec.structs.replace(
        table, **{name: max(1, round(n * factor)) if n else n for name, n in figures.items()}
    )
