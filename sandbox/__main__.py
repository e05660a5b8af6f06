"""`python -m sandbox --home DIR`: the sandbox's servers in this process, until it is told to end."""

import argparse
import sys
from pathlib import Path

from sandbox.process import host
from sandbox.serving import Company, faces


def main(arguments: list[str] | None = None) -> int:
    """Serves; returns 2 where the arguments are wrong."""
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="state directory; files go below its sandbox/")
    parser.add_argument("--scale", type=int, default=1, help="multiplies the estate")
    parser.add_argument("--seed", type=int, default=7, help="of the row counts and sizes")
    parser.add_argument("--platforms", nargs="*", help="serve only these")
    parser.add_argument("--elsewhere", nargs="*", default=[], metavar="PLATFORM=URL", help="only seed these servers")
    given = parser.parse_args(arguments)
    if given.scale < 1:
        parser.error("--scale must be at least 1")
    company = Company(given.scale, given.seed)
    try:
        wanted = faces(company, given.platforms)
        elsewhere = dict(item.split("=", 1) for item in given.elsewhere)
    except ValueError as error:
        parser.error(str(error))
    host(given.home.resolve(), company, wanted, elsewhere)
    return 0


if __name__ == "__main__":
    sys.exit(main())
