"""Fetches the scripts of jobs from S3, and the graphs that Glue makes of them."""

import time
from collections.abc import Mapping
from typing import Any

from governance.errors import DeadlineExceeded, RecordError
from resources.glue.client_calls import Calls

LONGEST = 2 * 2**20
"""Bytes of a script; none that a person wrote is longer."""
_CHUNK = 65_536
_PYTHON = {"glueetl", "gluestreaming"}


class Scripts:
    """The scripts of one account's jobs."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @staticmethod
    def location(job: Mapping[str, Any]) -> tuple[str, str] | None:
        """Bucket and key of a job's script; None where it is not in S3."""
        command = job.get("Command")
        place = command.get("ScriptLocation") if isinstance(command, dict) else None
        if not isinstance(place, str) or not place.startswith(("s3://", "s3a://", "s3n://")):
            return None
        bucket, _, key = place.partition("://")[2].partition("/")
        return (bucket, key) if bucket and key else None

    def unfit(self, job: Mapping[str, Any]) -> str:
        """The word under which to count a job whose script Glue cannot draw; empty for one that it may."""
        if self.location(job) is None:
            return "no_script"
        command, arguments = job.get("Command") or {}, job.get("DefaultArguments") or {}
        is_python = command.get("Name") in _PYTHON and arguments.get("--job-language") != "scala"
        return "" if is_python else "other_language"

    def text(self, job: Mapping[str, Any]) -> str:
        """The script of a job that has one in S3.

        Raises:
            RecordError: it is too long.
            NotFound: it is not where the job says.
            PermissionDenied: it may not be read.
        """
        bucket, key = self.location(job) or ("", "")
        body = self._calls.fetch("s3:GetObject", self._body, Bucket=bucket, Key=key)
        if len(body) > LONGEST:
            raise RecordError(f"the script is longer than {LONGEST} bytes", platform="glue", operation="s3:GetObject")
        return body.decode("utf-8", "replace")

    def graph(self, script: str) -> dict[str, Any]:
        """The graph of a script, empty where it has none of the marks that Glue goes by.

        Raises:
            ConfigurationError: Glue cannot parse it.
        """
        return self._calls.ask("glue:GetDataflowGraph", PythonScript=script)

    def _body(self, answer: Mapping[str, Any]) -> bytes:
        """The object, read within the deadline, and no longer than a script may be."""
        until, parts, size = time.monotonic() + self._calls.policy.deadline, [], 0
        body = answer["Body"]
        try:
            for chunk in body.iter_chunks(_CHUNK):
                parts.append(chunk)
                size += len(chunk)
                if size > LONGEST:
                    break
                if time.monotonic() > until:
                    raise DeadlineExceeded("the script did not come in time", platform="glue", operation="s3:GetObject")
        finally:
            body.close()
        return b"".join(parts)
