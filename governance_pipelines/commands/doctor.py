"""`governance doctor`: what works, what does not, and the exact change to ask for. Changes nothing."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, LiteralString

from rich.console import Console
from rich.markup import escape

from governance.errors import GovernanceError
from governance.estate import Source
from governance.listing import Probe
from governance_pipelines.bindings import Installation, installation
from governance_pipelines.display import console
from governance_pipelines.logs import configure_logging

if TYPE_CHECKING:
    import psycopg

_HASTE = {"attempts": 2, "deadline_seconds": 30.0, "connect_timeout_seconds": 5.0}
"""A person waits: an unreachable host is not tried for minutes."""

_MAY_READ: LiteralString = """
SELECT coalesce(has_schema_privilege('governance_reader', to_regnamespace('inventory'), 'USAGE')
    AND has_table_privilege('governance_reader', to_regclass('inventory.datasets'), 'SELECT')
    AND has_table_privilege('governance_reader', to_regclass('inventory.changes'), 'SELECT')
    AND has_function_privilege('governance_reader', to_regproc('inventory.datasets_as_of'), 'EXECUTE'), false)
"""


def run(as_json: bool) -> int:
    """Probes everything and shows it; 1 where anything is missing."""
    here = installation()
    configure_logging(here.settings.logging, at_least="error")
    subjects: dict[str, Callable[[], Iterator[Probe]]] = {
        "settings": partial(_settings, here),
        "database": partial(_database, here),
        **{source.name: partial(_source, here, source) for source in here.estate().sources},
    }
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(subjects, pool.map(_probed, subjects.values()), strict=True))
    healthy = all(probe.ok for probes in found.values() for probe in probes)
    if as_json:
        checks = [{"subject": name, **_plain(probe)} for name, probes in found.items() for probe in probes]
        sys.stdout.write(json.dumps({"ok": healthy, "checks": checks}, indent=2, ensure_ascii=False) + "\n")
    else:
        _show(console(), found)
    return 0 if healthy else 1


def _probed(probes: Callable[[], Iterator[Probe]]) -> list[Probe]:
    """All probes; an error that ends them is the last one."""
    found: list[Probe] = []
    try:
        found.extend(probes())
    except GovernanceError as error:
        found.append(Probe(error.operation or error.code, False, error.message, remedy=error.remedy))
    return found


def _settings(here: Installation) -> Iterator[Probe]:
    yield Probe("settings", True, "every GOVERNANCE_<SECTION>__<FIELD> is understood")
    for line in here.unknown:
        yield Probe("environment", False, line, remedy=f"rename or unset {line.partition(' ')[0]}")
    yield Probe("estate", True, f"{here.estate_path}: {len(here.estate().sources)} sources")


def _database(here: Installation) -> Iterator[Probe]:
    from resources.inventory.database import Inventory
    from resources.inventory.server import server_running

    if here.database_url is None and not server_running(here.home):
        yield Probe("server", False, "the embedded PostgreSQL does not run", remedy="start it with `governance up`")
        return
    with here.inventory_resource().open() as inventory, inventory.connection() as conn:
        version, user, database = _row(
            conn, "SELECT current_setting('server_version'), current_user, current_database()"
        )
        yield Probe("reachable", True, f"PostgreSQL {version}, database {database}, as {user}")
        yield from _schema(conn)
        yield from _reader_role(conn, user)
    with Inventory(here.dagster_database_url, pool_size=1) as storage, storage.connection() as conn:
        (database,) = _row(conn, "SELECT current_database()")
        yield Probe("dagster storage", True, f"database {database}")


def _schema(conn: "psycopg.Connection") -> Iterator[Probe]:
    """Whether the inventory's schema is the one that this release knows."""
    from resources.inventory.migrations import newest

    head = newest()
    (table,) = _row(conn, "SELECT to_regclass('inventory.schema_version')::text")
    at = _row(conn, "SELECT max(version_num) FROM inventory.schema_version")[0] if table else None
    fix = "" if at == head else "bring it up to date with `governance up --no-sync`"
    yield Probe(
        "schema", at == head, f"version {at}, this release knows {head}" if fix else f"version {at}", remedy=fix
    )


def _reader_role(conn: "psycopg.Connection", user: str) -> Iterator[Probe]:
    """The role of analysts, and our own right to write."""
    from resources.inventory.migrations import FOLDER

    (there,) = _row(conn, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'governance_reader')")
    # roles are the server's, grants each database's: the role may be another inventory's
    granted = there and _row(conn, _MAY_READ)[0]
    script = FOLDER / "versions" / "v0001_reader.sql"
    yield Probe(
        "reader role",
        granted,
        "governance_reader; grant it to who may read" if granted else "",
        missing="" if granted else "grants of role governance_reader" if there else "role governance_reader",
        remedy="" if granted else f"let an administrator run: psql -d {conn.info.dbname} -f {script}",
    )
    (may,) = _row(conn, "SELECT coalesce(has_schema_privilege(to_regnamespace('inventory'), 'CREATE, USAGE'), false)")
    fix = "" if may else f'GRANT CREATE, USAGE ON SCHEMA inventory TO "{user}"'
    yield Probe("privileges", may, "may write" if may else "", missing="" if may else "CREATE, USAGE", remedy=fix)


def _row(conn: "psycopg.Connection", query: LiteralString) -> tuple[Any, ...]:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row


def _source(here: Installation, source: Source) -> Iterator[Probe]:
    """Each generator of the readers is read out before its connection is closed; facets only where metadata works."""
    from resources.facets import facets_of, open_facet

    resource = here.source_resource(replace(source, connection={**_HASTE, **source.connection}))
    healthy = True
    with resource.reader() as reader:
        for probe in reader.probe():
            healthy &= probe.ok
            yield probe
    for facet in sorted(facets_of(source.platform)) if healthy else ():
        with open_facet(resource, facet) as facts:
            yield from facts.probe()


def _plain(probe: Probe) -> dict[str, object]:
    """The probe with all its fields, empty ones too."""
    return {field: getattr(probe, field) for field in probe.__struct_fields__}


def _show(out: Console, found: dict[str, list[Probe]]) -> None:
    for name, probes in found.items():
        out.print(f"[bold]{escape(name)}[/]")
        for probe in probes:
            mark = "[green]✓[/]" if probe.ok else "[red]✗[/]"
            out.print(f"  {mark} {escape(probe.name)}{f'  [dim]{escape(probe.detail)}[/]' if probe.detail else ''}")
            for line in _lacks(probe):
                out.print(f"      {line}", markup=False, soft_wrap=True)


def _lacks(probe: Probe) -> Sequence[str]:
    """What is missing and what to ask for, each on a line that can be copied whole."""
    if probe.ok:
        return ()
    missing = [f"missing: {probe.missing}"] if probe.missing else []
    return [*missing, *(f"fix: {line}" for line in probe.remedy.splitlines())]
