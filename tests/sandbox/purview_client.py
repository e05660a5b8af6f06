"""A principal of the Purview stand-in whose calls are checked against Microsoft's published descriptions."""

import uuid
from typing import Any
from urllib.parse import quote

import requests

from sandbox.purview.face import Face
from sandbox.purview.identity import AUDIENCE, SECRETS, TENANT
from sandbox.serving import Served
from tests.sandbox.purview_descriptions import Operation, descriptions

Json = Any
APIS = descriptions()


class Client:
    """A principal's calls; every answer to a described operation is checked against its description."""

    def __init__(self, served: Served, client: str) -> None:
        self.url = served.url
        assert isinstance(served.face, Face)
        self.face = served.face
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(self.face.ca)
        self.client = client
        self.exercised: set[str] = set()
        self.sign_in()

    def sign_in(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": self.client, "client_secret": SECRETS[self.client]}
        answer = self.session.post(
            f"{self.url}/{TENANT}/oauth2/v2.0/token", data={**form, "scope": f"{AUDIENCE}/.default"}, timeout=10
        )
        assert answer.ok, answer.text
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def send(self, method: str, path: str, body: Json = None, **params: Any) -> requests.Response:
        versions = {"account": "2019-11-01-preview", "policyStore": "2021-07-01-preview"}
        version = versions.get(path.split("/")[1], "2023-09-01")
        params = {"api-version": version, **params}
        return self.session.request(method, self.url + path, params=params, json=body, timeout=30)

    def call(self, operation: str, body: Json = None, *, status: int = 200, path: Json = None, **params: Any) -> Json:
        """A described operation with a good outcome, checked; its JSON."""
        known = OPERATIONS[operation]
        address = known.address
        for name, value in (path or {}).items():
            address = address.replace(f"{{{name}}}", quote(value, safe=""))
        answer = self.send(known.method, address.rstrip("/"), body, **params)
        assert answer.status_code == status, f"{operation}: {answer.status_code} {answer.text[:500]}"
        out = answer.json() if answer.content else None
        known.check(answer.status_code, out)
        if answer.ok:
            self.exercised.add(operation)
        return out

    def search(self, **body: Any) -> Json:
        answer = self.send("POST", "/datamap/api/search/query", body)
        assert answer.ok, answer.text
        return answer.json()

    def new_asset(self, type_name: str = "azure_storage_account") -> str:
        name = f"https://example{uuid.uuid4().hex[:8]}.core.windows.net"
        entity = {"typeName": type_name, "guid": "-1", "attributes": {"qualifiedName": name, "name": "Example"}}
        out = self.send("POST", "/datamap/api/atlas/v2/entity", {"entity": entity}).json()
        return str(out["guidAssignments"]["-1"])


OPERATIONS: dict[str, Operation] = {o.id: o for api in APIS for o in api.operations()}
