"""Which scopes of a source need no listing: their change token stayed, and all else that decides what a listing brings.

Tokens are read before anything is listed. A change that falls between the two is in the listing already or moves the
token of the next sync; either way it is seen.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files

import msgspec
import structlog

from governance.errors import GovernanceError
from governance.estate import Source
from governance.listing import Scope
from resources.inventory.tokens import Token
from resources.source import Reader

log = structlog.get_logger(__name__)

_READING = ("governance", "resources.inventory", "resources.{platform}")
"""The packages whose code decides what becomes of a listing."""


def basis_of(source: Source, scope: Scope) -> str:
    """A digest of what else decides what a listing brings: filters, connection, the scope's own record, our code."""
    parts = [source.include, source.exclude, source.connection, scope.kind, scope.detail, code_version(source.platform)]
    text = msgspec.json.encode(parts, order="deterministic", enc_hook=str)
    return hashlib.blake2b(text, digest_size=12).hexdigest()


@cache
def code_version(platform: str) -> str:
    """A digest of the code that reads, translates and stores: a new version of it lists every scope once."""
    digest = hashlib.blake2b(digest_size=12)
    for package in _READING:
        folder = files(package.format(platform=platform))
        for file in sorted((f for f in folder.iterdir() if f.name.endswith(".py")), key=lambda f: f.name):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def read_tokens(source: Source, reader: Reader, scopes: Sequence[Scope], threads: int) -> dict[str, Token]:
    """The tokens of these scopes as the platform tells them now; one that could not be read is empty.

    Args:
        source: whose scopes; its filters and connection are part of a token's basis.
        reader: asked, from several threads.
        scopes: whose tokens.
        threads: groups of scopes asked for at once.
    """

    def told(group: Sequence[Scope]) -> list[tuple[str, str]]:
        try:
            return list(reader.change_tokens(group, whole=True))
        except GovernanceError as error:
            # no token means a listing, which says what is wrong
            log.warning("token.unread", source=source.name, scopes=len(group), error=error.code, reason=error.message)
            return []

    with ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix=f"tokens-{source.name}") as pool:
        texts = {name: text for pairs in pool.map(told, reader.token_groups(scopes)) for name, text in pairs}
    return {s.name: Token(texts.get(s.name, ""), basis_of(source, s)) for s in scopes}
