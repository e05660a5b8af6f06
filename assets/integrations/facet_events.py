"""A facet's sync told to Dagster: what was found, check results, retries and failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from assets.integrations.events import RESUMES, TRANSIENT, actor_of
from assets.integrations.facet_report import facet_metadata, part_reasons
from assets.integrations.facets import FacetRequest, sync_facet
from assets.integrations.sync import Progress, Silent
from governance.errors import GovernanceError, Transient
from governance.listing import Status
from governance.loss_guard import LossGuard
from governance.model import Facet
from resources.calls import Meter
from resources.facets import FactReader, JoinedReader, facets_of, open_facet
from resources.inventory.database import Inventory
from resources.inventory.facts.links import LinkLineage
from resources.inventory.facts.outcomes import FacetSummary, PartOutcome

if TYPE_CHECKING:
    from assets.integrations.metadata import SourceAsset


class FacetEvents:
    """One execution of one facet's sync inside a Dagster step."""

    def __init__(
        self,
        this: "SourceAsset",
        facet: Facet,
        key: dg.AssetKey,
        context: dg.OpExecutionContext,
        days: tuple[date, ...] | None,
        accept_loss: bool,
    ) -> None:
        self.this, self.facet, self.key, self.context = this, facet, key, context
        self.days, self.accept_loss = days, accept_loss
        self.outcomes: list[PartOutcome] = []
        self.meter = Meter()

    def of_asset(self) -> Iterator[object]:
        """The events of the asset's step."""
        inventory: Inventory = self.context.resources.inventory.open()
        with inventory:
            summary = self._synced(inventory)
            self._retry_if_transient()
            yield from self._checks()
            self._fail_if_failed()
            yield dg.MaterializeResult(
                asset_key=self.key,
                metadata=facet_metadata(
                    summary, self.outcomes, self.meter, inventory, self.this.settings.sync.preview_rows
                ),
            )

    def _synced(self, inventory: Inventory) -> FacetSummary:
        progress: Progress = self.context.resources.progress or Silent()
        try:
            with self._reader(inventory) as reader:
                self.meter = reader.meter
                for outcome in sync_facet(self._request(), reader, inventory, progress):
                    if isinstance(outcome, FacetSummary):
                        summary = outcome
                    else:
                        self._note(outcome)
        except Transient as error:
            self._retry(str(error))
            raise dg.Failure(str(error), allow_retries=False) from error
        except GovernanceError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        return summary

    @contextmanager
    def _reader(self, inventory: Inventory) -> Iterator[FactReader]:
        """The platform's own reader, and for lineage the views' texts besides."""
        resource = getattr(self.context.resources, self.this.resource_key)
        readers: list[FactReader] = []
        if self.facet in facets_of(self.this.source.platform):
            readers.append(open_facet(resource, self.facet))
        if self.facet == "lineage":
            # the parser of SQL takes a while to import, and other runs do without
            from resources.inventory.facts.views import ViewLineage

            readers.append(ViewLineage(inventory, self.this.source.name, self.this.source.platform))
            readers.append(LinkLineage(inventory, self.this.source.name))
        with JoinedReader(readers) as joined:
            yield joined if len(readers) > 1 else readers[0]

    def _note(self, outcome: PartOutcome) -> None:
        self.outcomes.append(outcome)
        self.context.log.info(f"{outcome.part}: {outcome.status}, {outcome.counts}")
        for reason in outcome.reasons:
            self.context.log.warning(f"{outcome.part}: {reason.message} {reason.remedy}")

    def _request(self) -> FacetRequest:
        run, sync = self.context.run, self.this.settings.sync
        return FacetRequest(
            source=self.this.source,
            facet=self.facet,
            run_id=run.run_id,
            actor=actor_of(run.tags),
            days=self.days,
            resume_from=self._resumed(),
            accept_loss=self.accept_loss,
            threads=min(sync.threads, self.this.integration.threads),
            busy_wait_seconds=sync.busy_wait_seconds,
            guard=LossGuard(sync.loss_guard_ratio, sync.loss_guard_minimum),
        )

    def _resumed(self) -> tuple[str, ...]:
        """This run when it is tried again, and its parent where it resumes one."""
        run = self.context.run
        runs = [run.run_id] if self.context.retry_number > 0 else []
        if any(run.tags.get(tag) == "true" for tag in RESUMES) and run.parent_run_id:
            runs.append(run.parent_run_id)
        return tuple(runs)

    def _checks(self) -> Iterator[dg.AssetCheckResult]:
        bad = [o for o in self.outcomes if o.status is not Status.COMPLETE]
        held = [o for o in self.outcomes if o.counts["held"]]
        failed = any(o.status is Status.FAILED for o in bad)
        yield dg.AssetCheckResult(
            asset_key=self.key,
            check_name="complete",
            passed=not bad,
            severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
            description=_why(bad) or "Every part was read to its end.",
            metadata={"parts_not_complete": len(bad), "reasons": part_reasons(bad)},
        )
        yield dg.AssetCheckResult(
            asset_key=self.key,
            check_name="no_sudden_loss",
            passed=not held,
            description=_why(held) or "Nothing was held back.",
            metadata={"closings_held": sum(o.counts["held"] for o in held), "reasons": part_reasons(held)},
        )

    def _retry_if_transient(self) -> None:
        met = [o.part for o in self.outcomes if {r.code for r in o.reasons} & TRANSIENT]
        if met:
            self._retry(f"{len(met)} parts met transient errors: {', '.join(met[:5])}")

    def _retry(self, why: str) -> None:
        sync = self.this.settings.sync
        # who waits at a terminal would rather see the reason than wait for another try
        if "governance/actor" not in self.context.run.tags and self.context.retry_number < sync.retries:
            self.context.log.warning(f"{why}; trying again in {sync.retry_wait_seconds} s, finished parts are kept")
            raise dg.RetryRequested(max_retries=sync.retries, seconds_to_wait=sync.retry_wait_seconds)

    def _fail_if_failed(self) -> None:
        failed = [o for o in self.outcomes if o.status is Status.FAILED]
        if failed:
            raise dg.Failure(
                f"{len(failed)} parts of {self.facet} of {self.this.source.name} failed; the others are stored.\n"
                f"{_why(failed)}",
                metadata={"failed": part_reasons(failed)},
                allow_retries=False,
            )


def _why(outcomes: list[PartOutcome]) -> str:
    """The first reason of each of the first parts, in words."""
    return "\n".join(f"{o.part}: {o.reasons[0].message}" for o in outcomes[:10] if o.reasons)
