"""How hard a source may be asked, learned from how it answers: calls a second, calls at once, records in one call.

A platform behind a token bucket (Databricks, Purview, Glue) refuses what comes too fast: for it a rate is learned. One
that is bound by latency (Snowflake, Atlas) answers more slowly when more is asked at once: for it a number of calls at
once is learned. Both stay within what the platform documents, and both are kept from run to run.
"""

from governance.pace.batch import BatchSize
from governance.pace.book import Paces
from governance.pace.concurrency import Concurrency
from governance.pace.limits import PaceLimits
from governance.pace.memory import Kind, Learned, Remembered
from governance.pace.rate import Rate

__all__ = ["BatchSize", "Concurrency", "Kind", "Learned", "PaceLimits", "Paces", "Rate", "Remembered"]
