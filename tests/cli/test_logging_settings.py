"""Settings of logging hold in the code location too, not only in the command line."""

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import clean_environment

LOADS = """
import structlog
from governance_pipelines.definitions import definitions
definitions()
structlog.get_logger("here").info("hidden")
structlog.get_logger("here").warning("shown", scope="sales")
"""


def test_the_code_location_logs_as_told(tmp_path: Path) -> None:
    lake = "{name: lake, platform: glue, connection: {region: eu-west-1}}"
    (tmp_path / "estate.yaml").write_text(f"version: 1\nsources: [{lake}]\n", encoding="utf-8")
    told = {"GOVERNANCE_HOME": str(tmp_path / "home"), "GOVERNANCE_ESTATE": str(tmp_path / "estate.yaml")}
    told |= {"GOVERNANCE_LOGGING__LEVEL": "warning", "GOVERNANCE_LOGGING__JSON_LINES": "true"}
    done = subprocess.run(
        [sys.executable, "-c", LOADS], env=clean_environment() | told, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    (line,) = [json.loads(text) for text in done.stderr.splitlines() if text.startswith("{")]
    assert (line["event"], line["level"], line["scope"]) == ("shown", "warning", "sales")
    assert "hidden" not in done.stdout + done.stderr
