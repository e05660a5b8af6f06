"""Our values against Dagster's own chart: its schema, what helm renders from them, and Kubernetes' types.

The chart is not ours to keep: `make helm` fetches it and builds helm. Where they are not there, these are skipped.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from tests.deploy.kubernetes_types import DEFINITIONS, assert_is_kubernetes

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "deploy" / "helm"
HELM = Path(os.environ.get("GOVERNANCE_TEST_HELM") or ROOT / ".helm" / "helm")
CHART = Path(os.environ.get("GOVERNANCE_TEST_CHART") or ROOT / ".helm" / "dagster")
USER_CODE = "dagster-user-deployments"
FILES = {"kubernetes": ["values.yaml"], "celery": ["values.yaml", "values-celery.yaml"]}

pytestmark = pytest.mark.skipif(
    not (HELM.exists() and CHART.exists()), reason="needs helm and Dagster's chart: make helm"
)

Manifest = dict[str, Any]


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """As helm lays values over values: maps are merged, all else is replaced."""
    out = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


def read(path: Path) -> dict[str, Any]:
    out: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return out


def defaults() -> dict[str, Any]:
    """The chart's own values, and its subchart's under their name."""
    return merged({USER_CODE: read(CHART / "charts" / USER_CODE / "values.yaml")}, read(CHART / "values.yaml"))


def values(kind: str) -> dict[str, Any]:
    """What the chart sees: its defaults, then ours."""
    out = defaults()
    for name in FILES[kind]:
        out = merged(out, read(OURS / name))
    return out


def kubernetes_definitions(uri: str) -> Resource[Any]:
    """The chart's schema points to Kubernetes' published one; these are the types of Kubernetes' own client."""
    assert uri.endswith("_definitions.json"), uri
    return Resource(contents={"definitions": DEFINITIONS}, specification=DRAFT7)


def faults(chart: Path, given: Mapping[str, Any]) -> list[str]:
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    registry: Registry[Any] = Registry(retrieve=kubernetes_definitions)
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft7Validator)
    return [f"{e.json_path}: {e.message}" for e in validator(schema, registry=registry).iter_errors(given)]


@pytest.mark.parametrize("kind", FILES)
def test_the_values_fit_the_chart_s_schema(kind: str) -> None:
    given, below = values(kind), defaults()
    # Kubernetes' published types let unknown keys pass, which the chart's own values make use of; these do not
    assert set(faults(CHART, given)) <= set(faults(CHART, below))
    users, theirs = ({**one[USER_CODE], "global": one["global"]} for one in (given, below))
    assert set(faults(CHART / "charts" / USER_CODE, users)) <= set(faults(CHART / "charts" / USER_CODE, theirs))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("runLauncher", "type"), "K8RunLauncher"),
        (("dagsterDaemon", "runRetries", "maxRetries"), "two"),
        ((USER_CODE, "deployments", 0, "port"), "grpc"),
    ],
)
def test_the_schema_refuses_what_is_wrong(path: tuple[Any, ...], wrong: object) -> None:
    given = deepcopy(values("kubernetes"))
    place: Any = given
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = wrong
    assert set(faults(CHART, given)) - set(faults(CHART, defaults()))


@pytest.fixture(scope="module", params=FILES)
def rendered(request: pytest.FixtureRequest) -> list[Manifest]:
    """What helm makes of the chart and our values."""
    command = [str(HELM), "template", "governance", str(CHART), "--skip-schema-validation"]
    for name in FILES[request.param]:
        command += ["-f", str(OURS / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(manifests: list[Manifest], kind: str) -> Iterator[Manifest]:
    return (one for one in manifests if one["kind"] == kind)


def test_every_manifest_is_of_kubernetes_types(rendered: list[Manifest]) -> None:
    assert {"Deployment", "ConfigMap", "Service", "ServiceAccount"} <= {one["kind"] for one in rendered}
    for one in rendered:
        assert_is_kubernetes(one)


def test_the_instance_is_that_of_dagster_yaml(rendered: list[Manifest]) -> None:
    """What ours says, the chart's says too."""
    held = next(one for one in of_kind(rendered, "ConfigMap") if "dagster.yaml" in (one.get("data") or {}))
    chart, ours = yaml.safe_load(held["data"]["dagster.yaml"]), read(ROOT / "dagster.yaml")
    for section in ("concurrency", "run_monitoring", "run_retries", "retention", "telemetry", "nux"):
        assert merged(chart[section], ours[section]) == chart[section], section
    assert chart["run_coordinator"]["class"] == ours["run_coordinator"]["class"]
    assert chart["run_launcher"]["class"] == "K8sRunLauncher"
    assert "PostgresEventLogStorage" in str(chart) and "postgresql.example.internal" in str(chart)


def test_no_database_is_started_beside(rendered: list[Manifest]) -> None:
    assert not [one for one in of_kind(rendered, "StatefulSet")]


def test_every_name_that_is_used_is_made_here_or_named_in_the_docs(rendered: list[Manifest]) -> None:
    """A ConfigMap or Secret that nobody makes keeps a pod from starting."""
    made = {one["metadata"]["name"] for one in rendered if one["kind"] in ("ConfigMap", "Secret")}
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    for one in of_kind(rendered, "Deployment"):
        for name in named(one["spec"]["template"]["spec"]):
            assert name in made or f"`{name}`" in page, f"{one['metadata']['name']} uses {name}"


def named(pod: Any) -> Iterator[str]:
    """Names of the ConfigMaps and Secrets that must be there for the pod to start."""
    if isinstance(pod, dict):
        for key, value in pod.items():
            if key in ("configMapRef", "secretRef", "configMapKeyRef", "secretKeyRef", "configMap"):
                if not value.get("optional"):
                    yield value["name"]
            else:
                yield from named(value)
    elif isinstance(pod, list):
        for value in pod:
            yield from named(value)
