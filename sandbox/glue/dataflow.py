"""GetDataflowGraph, which moto lacks: the graph that Glue draws of a script by the marks that its own scripts have.

A step has four comments: `## @type`, `## @args`, `## @return` and `## @inputs`; what a script does without them is not
in its graph.
"""

import ast
import re
from typing import Any

from sandbox.glue.gate import Refused

Json = dict[str, Any]
_MARK = re.compile(r"^## @(type|args|return|inputs): *(.*)$")


def graph(query: Json) -> Json:
    """GetDataflowGraph."""
    script = str(query.get("PythonScript") or "")
    try:
        ast.parse(script)
    except SyntaxError as error:
        raise Refused(400, "InvalidInputException", f"The script cannot be parsed: {error}") from error
    nodes: list[Json] = []
    edges: list[Json] = []
    marks: dict[str, str] = {}
    for number, line in enumerate(script.splitlines(), 1):
        match = _MARK.match(line)
        if match is None:
            continue
        marks[match.group(1)] = match.group(2).strip()
        if match.group(1) == "inputs" and "return" in marks:
            name = marks["return"]
            nodes.append(
                {
                    "Id": name,
                    "NodeType": marks.get("type", ""),
                    "Args": [{"Name": k, "Value": v, "Param": False} for k, v in _pairs(marks.get("args", "[]"))],
                    "LineNumber": number,
                }
            )
            edges += [{"Source": v, "Target": name, "TargetParameter": k} for k, v in _pairs(marks["inputs"])]
            marks = {}
    return {"DagNodes": nodes, "DagEdges": edges}


def _pairs(text: str) -> list[tuple[str, str]]:
    """`[a = 1, b = "x"]` as names and the texts of their values."""
    call = ast.parse(f"f({text.removeprefix('[').removesuffix(']')})", mode="eval").body
    assert isinstance(call, ast.Call)
    return [(str(keyword.arg), ast.unparse(keyword.value)) for keyword in call.keywords]
