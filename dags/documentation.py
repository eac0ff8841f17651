"""What Airflow's pages say of a detector's DAG and of its tasks.

A task's page is its code's own docstring, read as text: importing a component would import TFX.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any

from dags.environment import ROOT
from dags.schedule import in_words
from pipelines.spec import NODES, DetectorSpec


def dag_page(spec: DetectorSpec, path: Path) -> str:
    """The DAG's page, Markdown."""
    return (
        f"### {spec.name}\n{spec.description}\n\n"
        f"- detector file: `{path}`\n- runs: {in_words(spec)}\n"
        f"- publishes if {_gate(spec.gate)}\n"
        f"- tells of: {_alerts(spec)}\n"
    )


@cache
def task_page(task_id: str) -> str:
    """A task's page, Markdown: what it does, what goes into it, and where its code is."""
    if task_id in NODES:
        folder = re.sub(r"(?<!^)(?=[A-Z])", "_", task_id).lower()
        file = Path("components") / folder / "component.py"
        module = _read(file)
        component = _find(module, ast.ClassDef, task_id)
        about = _docstring(component)
        arguments = _arguments(_docstring(_find(component, ast.FunctionDef, "__init__")))
    else:
        file = Path("pipelines") / f"{task_id}.py"
        about, arguments = _docstring(_read(file)), []
    table = ["", "| input | meaning |", "|---|---|", *(f"| `{n}` | {text} |" for n, text in arguments)]
    return "\n".join([about, *(table if arguments else []), "", f"Code: `{file}`"])


def _read(file: Path) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def _find(tree: Any, kind: type[ast.AST], name: str) -> Any:
    return next(node for node in tree.body if isinstance(node, kind) and getattr(node, "name", "") == name)


def _docstring(node: Any) -> str:
    return cleandoc(ast.get_docstring(node) or "")


def _arguments(docstring: str) -> list[tuple[str, str]]:
    """Names and meanings from a docstring's `Args:`."""
    block = docstring.partition("Args:\n")[2].partition("\n\n")[0]
    joined = re.sub(r"\n {4,}", " ", block)  # a meaning of several lines is indented more than its name
    pairs = re.findall(r"^ *(\w+): (.+)$", joined, re.MULTILINE)
    return [(name, text.replace("|", "\\|")) for name, text in pairs]


def _alerts(spec: DetectorSpec) -> str:
    """Of what somebody is told, and never whom."""
    if not spec.alerts.to:
        return "nothing (`alerts.to` is empty)"
    days = f" for {spec.alerts.silent_days} days" if spec.alerts.silent_days else ""
    events = [
        f"silence{days}" if event == "silence" else event
        for event in spec.alerts.on
        if event != "silence" or days
    ]
    return ", ".join(events) or "nothing"


def _gate(gate: Any) -> str:
    """The main rules of a gate in a line."""
    floors = {gate.metric: gate.floor, **{f"AP({name})": floor for name, floor in gate.class_floors.items()}}
    asked = [f"{name} >= {floor:g}" for name, floor in floors.items() if floor is not None]
    if gate.drop is not None:
        asked.append(f"it falls at most {gate.drop:g} below the model that serves")
    return " and ".join(asked)
