"""One fact about a dataset, in words that DataHub's records and our views can both be brought to."""

from typing import NamedTuple


class Fact(NamedTuple):
    """What somebody says of a dataset or a field of it.

    Args:
        dataset: its qualified name.
        path: the field, empty for the dataset itself; in the inventory's notation.
        what: `dataset`, `field`, `type`, `comment`, `partition key`, `owner` or `tag`.
        value: the native type, the comment, the owner, the tag with its value behind `=`; empty where there is none.
    """

    dataset: str
    path: str
    what: str
    value: str = ""

    @property
    def folded(self) -> "Fact":
        """As facts are compared: in one case, names without quotation marks, types without blanks."""
        value = "".join(self.value.split()) if self.what == "type" else self.value.strip()
        dataset, path = (name.replace('"', "").casefold() for name in (self.dataset, self.path))
        return Fact(dataset, path, self.what, value.casefold())
