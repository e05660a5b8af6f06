"""Where an installation's state, databases, estate and settings are: the only file that names environment variables.

| variable | meaning |
|---|---|
| GOVERNANCE_ESTATE | the estate file; else `estate.yaml` in the current directory; else the sandbox's |
| GOVERNANCE_DATABASE_URL | a PostgreSQL URL; else the embedded server under the state directory |
| GOVERNANCE_HOME | the state directory; else `.governance/` in the checkout, or in the current directory |
| DAGSTER_HOME | Dagster's directory; else `dagster/` under the state directory |
| GOVERNANCE_<SECTION>__<FIELD> | a field of `governance.settings` |
"""

import difflib
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from governance.errors import ConfigurationError
from governance.estate import Estate, Source, load_estate
from governance.settings import Settings

if TYPE_CHECKING:
    from resources.inventory.resource import InventoryResource
    from resources.source import SourceResource

CHECKOUT = Path(__file__).resolve().parents[1]

ESTATE, DATABASE_URL, HOME = "GOVERNANCE_ESTATE", "GOVERNANCE_DATABASE_URL", "GOVERNANCE_HOME"
DAGSTER_HOME = "DAGSTER_HOME"
DAGSTER_DATABASE_URL = "GOVERNANCE_DAGSTER__DATABASE_URL"
BROKER_URL = "GOVERNANCE_DAGSTER__BROKER_URL"
SERVICE_OF = "GOVERNANCE_SERVICE_OF"
"""Set for every process that `governance up` starts, to its state directory: so `down` finds each of them."""

_PREFIX = "GOVERNANCE_"
_KNOWN = frozenset({ESTATE, DATABASE_URL, HOME, SERVICE_OF})
_FOR_TESTS = "GOVERNANCE_TEST_"


@dataclass(frozen=True)
class Installation:
    """One installation: everything that tells it from another on the same machine.

    Args:
        home: the state directory.
        database_url: of the inventory; None for the embedded server.
        dagster_home: Dagster's directory.
        estate_path: the estate file.
        settings: from the environment.
        unknown: variables that look like ours and are not, each with a hint.
    """

    home: Path
    database_url: str | None
    dagster_home: Path
    estate_path: Path
    settings: Settings
    unknown: tuple[str, ...] = ()

    @property
    def sandboxed(self) -> bool:
        """Whether the estate is the sandbox's."""
        return self.estate_path == sandbox_estate(self.home)

    def estate(self) -> Estate:
        """The estate file, read once.

        Raises:
            EstateError: with all that is wrong in it.
            ConfigurationError: there is none.
        """
        return self._estate

    @cached_property
    def _estate(self) -> Estate:
        from governance_pipelines.platforms import connection_checks

        try:
            text = self.estate_path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            fix = "start it with `governance up` or `governance sandbox up`, or name your own file in GOVERNANCE_ESTATE"
            what = "the sandbox has no estate yet" if self.sandboxed else "there is no such estate file"
            raise ConfigurationError(
                f"{what}: {self.estate_path}", platform="estate", remedy=fix if self.sandboxed else f"correct {ESTATE}"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the estate file {self.estate_path} cannot be read: {error}",
                platform="estate",
                remedy="it must be a UTF-8 text that this user may read",
            ) from error
        return load_estate(text, file=_shown(self.estate_path), platforms=connection_checks())

    def source_resource(self, source: Source) -> "SourceResource":
        """The resource that opens readers of this source."""
        from governance_pipelines.platforms import source_resource

        return source_resource(source)

    def inventory_resource(self) -> "InventoryResource":
        """The resource that opens the inventory; it does not start the embedded server."""
        from resources.inventory.resource import InventoryResource

        return InventoryResource(url=self.inventory_url, **self.settings.database.model_dump())

    @property
    def inventory_url(self) -> str:
        """The URL of the inventory's database, whether its server runs or not."""
        from resources.inventory.server import embedded_url

        return self.database_url or embedded_url(self.home, "governance")

    @property
    def dagster_database_url(self) -> str:
        """Dagster's own database: the one in the settings, else `<inventory>_dagster` on the inventory's server."""
        if self.database_url is None:
            from resources.inventory.server import embedded_url

            return embedded_url(self.home, "dagster")
        return self.settings.dagster.database_url or _beside(self.database_url)

    def environment(self) -> dict[str, str]:
        """The variables with which another process is part of this installation; settings are inherited."""
        out = {
            HOME: str(self.home),
            DAGSTER_HOME: str(self.dagster_home),
            ESTATE: str(self.estate_path),
            DAGSTER_DATABASE_URL: self.dagster_database_url,
        }
        return out if self.database_url is None else {**out, DATABASE_URL: self.database_url}

    def enter(self) -> None:
        """Makes this process part of the installation, for Dagster and whatever it starts."""
        os.environ.update(self.environment())

    def marked_environment(self) -> dict[str, str]:
        """The environment of a process that `governance down` must find and end."""
        return {**os.environ, HOME: str(self.home), SERVICE_OF: str(self.home), "PYTHONUNBUFFERED": "1"}

    def service_environment(self) -> dict[str, str]:
        """The same for a process that is part of the installation, such as Dagster's daemon."""
        return {**self.marked_environment(), **self.environment()}


def installation() -> Installation:
    """The installation that the environment and the current directory describe.

    Raises:
        ConfigurationError: a setting is unknown or wrong.
    """
    home = _path(HOME) or (CHECKOUT if (CHECKOUT / "pyproject.toml").exists() else Path.cwd()) / ".governance"
    unknown = tuple(_unknown(os.environ))
    for line in unknown:
        warnings.warn(line, stacklevel=2)
    return Installation(
        home=home,
        database_url=os.environ.get(DATABASE_URL) or None,
        dagster_home=_path(DAGSTER_HOME) or home / "dagster",
        estate_path=_estate_path(home),
        settings=settings(),
        unknown=unknown,
    )


def sandbox_estate(home: Path) -> Path:
    """Where the sandbox writes its estate."""
    return home / "sandbox" / "estate.yaml"


def settings() -> Settings:
    """The settings from `GOVERNANCE_<SECTION>__<FIELD>` and the defaults.

    Raises:
        ConfigurationError: a variable names no field, or its value is not the field's.
    """
    from pydantic import ValidationError
    from pydantic_settings import BaseSettings, SettingsConfigDict

    class FromEnvironment(BaseSettings, Settings):
        model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="ignore")

    fields = _setting_names()
    wrong = [f"{name} is no setting; {_meant(name, fields)}" for name in _set() if "__" in name and name not in fields]
    try:
        made = FromEnvironment() if not wrong else None
    except ValidationError as error:
        wrong = [
            f"{_PREFIX}{'__'.join(str(p) for p in e['loc']).upper()}: {e['msg']}"
            for e in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        made = None
    if made is None:
        raise ConfigurationError(
            "\n".join(wrong), platform="settings", remedy="correct or unset the variable; docs/settings.md lists all"
        )
    return Settings.model_validate(made.model_dump())


def _set() -> list[str]:
    return sorted(name for name in os.environ if name.startswith(_PREFIX))


def _setting_names() -> list[str]:
    return [
        f"{_PREFIX}{section}__{field}".upper()
        for section, of in Settings.model_fields.items()
        for field in getattr(of.annotation, "model_fields", {})
    ]


def _unknown(environment: Mapping[str, str]) -> Iterable[str]:
    """A hint for each variable that is close to one of ours; a secret may be called GOVERNANCE_ANYTHING."""
    for name in sorted(environment):
        if name.startswith(_PREFIX) and "__" not in name and name not in _KNOWN and not name.startswith(_FOR_TESTS):
            close = difflib.get_close_matches(name, _KNOWN - {SERVICE_OF}, n=1, cutoff=0.8)
            if close:
                yield f"{name} is set but means nothing here; did you mean {close[0]}?"


def _meant(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"settings are {', '.join(known)}"


def _path(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser().resolve() if value else None


def _estate_path(home: Path) -> Path:
    here = Path.cwd() / "estate.yaml"
    return _path(ESTATE) or (here if here.exists() else sandbox_estate(home))


def _shown(path: Path) -> str:
    """The path as a person would type it from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _beside(url: str) -> str:
    """The same server with `_dagster` behind the database's name, in the form that Dagster's driver takes."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    # not urlunsplit: it takes the empty host of a socket's URL away
    return f"postgresql://{parts.netloc}{parts.path.rstrip('/') or '/postgres'}_dagster{query}"
