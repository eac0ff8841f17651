"""YAML with `${VAR:-default}`, duplicate keys refused, and the line of every key. Only PyYAML."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

# libyaml: much faster than PyYAML's own parser, and Airflow reads all detectors each half minute.
_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")

Location = tuple[str, ...]


class SpecError(Exception):
    """A detector's YAML can't be used: what is wrong, where, and the fix (exit code 78)."""

    exit_code = 78

    def __init__(self, what: str, where: str, fix: str) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what}\n  where: {self.where}\n  fix:   {self.fix}"


def load_yaml(text: str, source: str) -> tuple[dict[str, Any], dict[Location, int]]:
    """The mapping in `text` and the line (from 1) of every key in it.

    Raises SpecError for YAML that doesn't parse, a key given twice, or a document that is no mapping.
    """
    try:
        root, data = _parse(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        problem = getattr(error, "problem", None) or str(error)
        raise SpecError(f"not valid YAML: {problem}", where, "correct the YAML at this place") from None
    if not isinstance(root, yaml.MappingNode) or not isinstance(data, dict):
        raise SpecError(
            "the file is not a mapping of keys to values",
            source,
            "start from detectors/microcontrollers.yaml",
        )
    lines: dict[Location, int] = {}
    _collect_lines(root, (), lines, source)
    return data, lines


def _parse(text: str) -> tuple[yaml.Node | None, Any]:
    """The document as nodes, which know their lines, and as values. Raises yaml.YAMLError."""
    loader = _FastLoader(text)
    try:
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    except yaml.YAMLError:
        yaml.safe_load(text)  # raises the same error, at the place of the mistake and not a token later
        raise
    finally:
        loader.dispose()


def _collect_lines(node: yaml.MappingNode, at: Location, lines: dict[Location, int], source: str) -> None:
    for key, value in node.value:
        location = (*at, str(key.value))
        line = key.start_mark.line + 1
        if location in lines:
            raise SpecError(
                f"the key `{'.'.join(location)}` is given twice",
                f"{source}:{line} (first on line {lines[location]})",
                "keep one of the two",
            )
        lines[location] = line
        if isinstance(value, yaml.MappingNode):
            _collect_lines(value, location, lines, source)


def expand(value: str, where: str, environ: Mapping[str, str] | None = None) -> str:
    """`value` with every `${VAR}` and `${VAR:-default}` replaced; an empty variable counts as unset.

    Raises SpecError for a variable that is not set and has no default.
    """
    variables = os.environ if environ is None else environ

    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = variables.get(name) or default
        if found is None:
            raise SpecError(
                f"the environment variable {name} is not set",
                where,
                f"export {name}=..., or give a default: ${{{name}:-...}}",
            )
        return found

    return _VARIABLE.sub(replace, value)


def expand_path(value: str, base: Path, where: str, environ: Mapping[str, str] | None = None) -> str:
    """An absolute path: relative ones start at `base`, those from a variable at the working directory.

    An address (gs://, s3://) stays as it is.

    A variable's value was written for the process (`UPCYCLE_HOME=runs`), a default for the file it is in.
    """
    variables = os.environ if environ is None else environ
    start = _VARIABLE.match(value)
    from_variable = start is not None and bool(variables.get(start.group(1)))
    expanded = expand(value, where, environ)
    if "://" in expanded:
        return expanded
    path = Path(os.path.expanduser(expanded))
    return os.path.normpath((Path.cwd() if from_variable else base) / path)
