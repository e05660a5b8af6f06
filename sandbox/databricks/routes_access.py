"""Permissions given on a securable, and those in effect on it with where they come from."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.databricks.access import Principal
from sandbox.databricks.answers import ApiError, Record, invalid
from sandbox.databricks.store import Store

_BASE = "/api/2.1/unity-catalog"
# the API spells the kind of a securable in either case
_WORDS = {"catalog": "catalog", "schema": "schema", "table": "table", "volume": "volume", "function": "function"} | {
    "registered_model": "model",
    "metastore": "metastore",
}


def access_routes(store: Store) -> list[Route]:
    """Get and change what is given; get what is in effect."""

    def named(request: Request) -> tuple[str, str]:
        word = _WORDS.get(request.path_params["kind"].lower())
        if word is None:
            raise invalid(f"Securable type '{request.path_params['kind']}' is not known.")
        name = request.path_params["name"]
        if word != "metastore":
            store.get(word, name)
        return word, name

    def may_look(who: Principal, chain: list[tuple[str, str]], principal: str | None) -> None:
        """Whoever asks for others needs to own it, or at least to see it."""
        if who.admin or principal in who.identities:
            return
        if not store.grants.held(who, chain) & {"BROWSE", "SELECT", "USE_SCHEMA", "MANAGE", "ALL_PRIVILEGES"}:
            raise ApiError(403, "PERMISSION_DENIED", f"User does not have MANAGE on {chain[0][0]} '{chain[0][1]}'.")

    def manages(who: Principal, word: str, name: str) -> bool:
        """Whether it is shown more than what it was given itself."""
        if word == "metastore":
            return who.admin
        held = store.grants.held(who, store.chain(word, name))
        return "MANAGE" in held or store.sees_all(who, word, name)

    async def given(request: Request) -> Response:
        securable = named(request)
        if request.method == "PATCH":
            if not request.state.principal.admin:
                raise ApiError(403, "PERMISSION_DENIED", "User is not an owner of the securable.")
            for change in (await request.json()).get("changes", ()):
                store.grants.change(securable, change["principal"], change.get("add") or (), change.get("remove") or ())
        only, me = request.query_params.get("principal"), request.state.principal
        everybody = manages(me, *securable)
        return JSONResponse(
            {
                "privilege_assignments": [
                    {"principal": who, "privileges": held}
                    for who, held in store.grants.on(securable).items()
                    if only in (None, who) and (everybody or who in me.identities)
                ]
            }
        )

    async def in_effect(request: Request) -> Response:
        word, name = named(request)
        chain = store.chain(word, name) if word != "metastore" else [(word, name)]
        only = request.query_params.get("principal")
        may_look(request.state.principal, chain, only)
        found: dict[str, list[Record]] = {}
        for depth, securable in enumerate(chain):
            source = {"inherited_from_type": securable[0].upper(), "inherited_from_name": securable[1]} if depth else {}
            for who, held in store.grants.on(securable).items():
                if only in (None, who):
                    found.setdefault(who, []).extend({"privilege": p, **source} for p in held)
        return JSONResponse(
            {"privilege_assignments": [{"principal": who, "privileges": held} for who, held in sorted(found.items())]}
        )

    return [
        Route(f"{_BASE}/permissions/{{kind}}/{{name:path}}", given, methods=["GET", "PATCH"]),
        Route(f"{_BASE}/effective-permissions/{{kind}}/{{name:path}}", in_effect, methods=["GET"]),
    ]
