"""Reads what feeds what from the jobs of one account: those that were drawn, and on request those that are scripts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from governance.errors import ConfigurationError, NotFound, PermissionDenied, RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Quarantined, Reason, Scope, ScopeListing
from governance.model import Fact, LineageEdge
from resources.calls import CallPolicy
from resources.facets import FactReader
from resources.glue.client_calls import Calls
from resources.glue.client_probe import tried
from resources.glue.client_scripts import Scripts
from resources.glue.client_session import Connection
from resources.glue.resource import GlueResource
from resources.glue.translate_jobs import Step, steps_of
from resources.glue.translate_lineage import edges_of
from resources.glue.translate_record import cleaned
from resources.glue.translate_script import steps_of_graph

PAGE = 100
"""Jobs an answer: the graph of one may be large."""
_JOBS = "glue:GetJobs"
_GRAPH = "glue:GetDataflowGraph"


def open_reader(resource: GlueResource) -> "LineageReader":
    """A reader of the source's lineage.

    Raises:
        ConfigurationError: a secret is missing, the profile does not exist, or fields contradict each other.
    """
    return LineageReader(resource.connect(), resource.policy)


class LineageReader(FactReader):
    """The jobs of one account and Region."""

    def __init__(self, connection: Connection, policy: CallPolicy) -> None:
        self._scripted = connection.job_scripts
        self._calls = Calls(connection, policy, ("glue", *(("s3",) if self._scripted else ())))
        self._scripts = Scripts(self._calls)
        self.meter = self._calls.meter

    def close(self) -> None:
        """Gives back the sockets."""
        self._calls.close()

    def parts(self, names: NameFilter) -> ScopeListing:
        """Jobs that declare their graph; and where they may be read, those that have a script only."""
        parts = [Scope("jobs", "jobs"), *([Scope("job_scripts", "jobs")] if self._scripted else [])]
        return ScopeListing(tuple(parts))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The edges of the jobs; one that declares nothing is counted."""
        page = self._scripts_page if part.name == "job_scripts" else self._jobs_page
        foreign = self._calls.foreign("jobs", _JOBS)
        if foreign is not None:
            yield FactPage(reasons=(foreign,))
            return
        try:
            for jobs in self._jobs():
                yield page(jobs, names)
        except PermissionDenied as error:
            yield FactPage(reasons=(Reason.of(error),))

    def probe(self) -> Iterator[Probe]:
        """Each call that a reading makes, once; a script is fetched where there is one."""
        yield tried(_JOBS, lambda: f"{len(next(self._jobs()))} jobs on the first page", "lineage")
        if self._scripted:
            graph = self._scripts.graph
            yield tried(_GRAPH, lambda: f"{len(graph('').get('DagNodes') or ())} nodes of no script", "lineage")
            yield tried("s3:GetObject", self._first_script, "lineage")

    def _jobs(self) -> Iterator[list[Any]]:
        return self._calls.listed(_JOBS, "Jobs", PAGE)

    def _jobs_page(self, jobs: Iterable[Any], names: NameFilter) -> FactPage:
        def read(job: dict[str, Any], counts: Counter[str]) -> Iterator[LineageEdge]:
            nodes = job.get("CodeGenConfigurationNodes")
            counts["jobs"] += 1
            counts["undeclared"] += not nodes
            steps = steps_of(nodes or {}, counts)
            return edges_of(str(job["Name"]), steps, "job graph", names, counts)

        return _page(jobs, read)

    def _scripts_page(self, jobs: Iterable[Any], names: NameFilter) -> FactPage:
        reasons: dict[str, Reason] = {}

        def read(job: dict[str, Any], counts: Counter[str]) -> Iterator[LineageEdge]:
            if job.get("CodeGenConfigurationNodes"):
                return iter(())
            steps = self._steps(job, counts, reasons)
            return edges_of(str(job["Name"]), steps, "job script", names, counts)

        page = _page(jobs, read)
        return FactPage(page.facts, page.quarantined, tuple(reasons.values()), counts=page.counts)

    def _steps(self, job: dict[str, Any], counts: Counter[str], reasons: dict[str, Reason]) -> dict[str, Step]:
        """The steps of a script; none where it is not to be had, which is counted or becomes a reason."""
        counts["scripts"] += 1
        unfit = self._scripts.unfit(job)
        if unfit:
            counts[unfit] += 1
            return {}
        try:
            return steps_of_graph(self._scripts.graph(self._scripts.text(job)), counts)
        except NotFound:
            counts["missing_scripts"] += 1
            return {}
        except PermissionDenied as error:
            reasons.setdefault(error.operation, Reason.of(error))
            return {}
        except ConfigurationError as error:
            raise RecordError(f"Glue cannot draw the script: {error.message}", operation=_GRAPH) from error

    def _first_script(self) -> str:
        for jobs in self._jobs():
            for job in jobs:
                if not job.get("CodeGenConfigurationNodes") and not self._scripts.unfit(job):
                    return f"{len(self._scripts.text(job))} characters of the script of {job['Name']}"
        return "no job has a script that could be drawn"


def _page(jobs: Iterable[Any], read: Callable[[dict[str, Any], Counter[str]], Iterable[LineageEdge]]) -> FactPage:
    facts: list[Fact] = []
    odd: list[Quarantined] = []
    counts: Counter[str] = Counter()
    for job in jobs:
        name = job.get("Name") if isinstance(job, dict) else None
        try:
            if not isinstance(name, str) or not name:
                raise RecordError("the job has no name", platform="glue", operation=_JOBS)
            # as a list: of a job that is not understood nothing is kept
            facts += list(read(job, counts))
        except RecordError as error:
            odd.append(Quarantined(name if isinstance(name, str) else None, error.message, cleaned(job)))
    return FactPage(tuple(facts), tuple(odd), counts={k: n for k, n in counts.items() if n})
