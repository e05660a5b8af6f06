"""Misbehaviour on request: rules that a test or a person posts to a sandbox server, applied before it answers.

`POST /_sandbox/faults` takes a list of rules and replaces those in force; `DELETE` clears them; `GET` lists them with
how often each has struck. A rule:

    {"match": "GetTables", "action": "throttle", "after": 2, "times": 3, "status": 429, "seconds": 1.5, "scope": ""}

`match` is a regular expression searched in `METHOD PATH?QUERY OPERATION BODY`, where the operation is the value of
`X-Amz-Target`, if any. Actions: `throttle` (the platform's own throttling answer, Retry-After `seconds`), `slow`
(wait `seconds`, then answer), `fail` (answer `status` with the platform's own error body), `drop` (cut the connection
without an answer) and `lose` (the server leaves the scope named `scope`, or with none
everything, out of its listings).
"""

import re
import threading
from typing import Any, Literal

import msgspec

Action = Literal["throttle", "slow", "fail", "drop", "lose"]


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """One fault. It strikes the calls after the first `after` that match, at most `times` times (0: for ever)."""

    action: Action
    match: str = ""
    after: int = 0
    times: int = 0
    status: int = 500
    seconds: float = 0.0
    scope: str = ""
    seen: int = 0
    struck: int = 0


class FaultPlan:
    """The rules in force on one server; safe to use from several threads."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def replace(self, rules: list[dict[str, Any]]) -> None:
        """Puts these rules in force instead of all others."""
        parsed = msgspec.convert(rules, list[Rule])
        for rule in parsed:
            re.compile(rule.match)
        with self._lock:
            self._rules = parsed

    def clear(self) -> None:
        """Ends all misbehaviour."""
        with self._lock:
            self._rules = []

    def listed(self) -> list[dict[str, Any]]:
        """The rules with their counts."""
        with self._lock:
            return [msgspec.to_builtins(rule) for rule in self._rules]

    def strike(self, request: str) -> Rule | None:
        """The first rule that strikes this request, `lose` excepted."""
        with self._lock:
            for rule in self._rules:
                if rule.action == "lose" or not re.search(rule.match, request):
                    continue
                rule.seen += 1
                if rule.seen > rule.after and (not rule.times or rule.struck < rule.times):
                    rule.struck += 1
                    return rule
        return None

    def lost(self, scope: str) -> bool:
        """Whether a server must leave this scope out of its listings."""
        with self._lock:
            return any(rule.action == "lose" and rule.scope in ("", scope) for rule in self._rules)
