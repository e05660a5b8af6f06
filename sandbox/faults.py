"""Misbehaviour on request: rules that a test or a person posts to a sandbox server, applied before it answers.

`POST /_sandbox/faults` takes a list of rules and replaces those in force; `DELETE` clears them; `GET` lists them with
how often each has struck. A rule:

    {"match": "GetTables", "action": "throttle", "after": 2, "times": 3, "status": 429, "seconds": 1.5, "scope": ""}

`match` is a regular expression searched in `METHOD PATH?QUERY OPERATION BODY`, where the operation is the value of
`X-Amz-Target`, if any. Actions that take the answer's place: `throttle` (the platform's own throttling answer,
Retry-After `seconds`, as a date where `dated`), `fail` (answer `status` with the platform's own error body), `drop`
(cut the connection without an answer). Before it: `slow` (wait `seconds`, then answer). To the answer itself: those of
`sandbox/wire.py`. And `lose`: the server leaves the scope named `scope`, or with none everything, out of its listings.

In one process with the server, `FaultPlan.tamper` may be any function that changes an `Exchange`.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Action = Literal[
    "throttle", "slow", "fail", "drop", "lose", "cut", "stall", "drip", "garble", "page", "gzip", "huge", "deep"
]


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """One fault. It strikes the calls after the first `after` that match, at most `times` times (0: for ever).

    `size` is what `huge` and `deep` take: bytes, and levels.
    """

    action: Action
    match: str = ""
    after: int = 0
    times: int = 0
    status: int = 500
    seconds: float = 0.0
    dated: bool = False
    size: int = 0
    scope: str = ""
    seen: int = 0
    struck: int = 0


@dataclass
class Exchange:
    """One call and the server's answer to it, before it is sent. What is said instead is sent instead.

    Attributes:
        line: what a rule's `match` is searched in.
        question: the call's body.
        status: of the answer.
        headers: of the answer, in lower case.
        answer: its body.
    """

    line: str
    question: bytes
    status: int
    headers: dict[str, str]
    answer: bytes

    def asked(self) -> Any:
        """The question's JSON."""
        return json.loads(self.question or b"{}")

    def told(self) -> Any:
        """The answer's JSON."""
        return json.loads(self.answer or b"{}")

    def say(self, value: Any, status: int = 200) -> None:
        """Puts other JSON in the answer's place."""
        self.answer, self.status = json.dumps(value).encode(), status


Tamper = Callable[[Exchange], None]


class FaultPlan:
    """The rules in force on one server; safe to use from several threads."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self.tamper: Tamper | None = None

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
            self.tamper = None

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
