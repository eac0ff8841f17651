"""compose.yaml with its settings filled in, for the services that the profiles name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from problem import Problem

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:-|:\?)([^}]*))?\})")


def read_settings(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of an env file; as in Compose, `environment` has the last word. Raises Problem."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Problem(
            f"no settings: {error.strerror}", str(path), "make them with docker/make_env.sh"
        ) from None
    settings: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise Problem(f"{line!r} is no setting", f"{path}, line {number}", "write NAME=VALUE")
        settings[name] = environment.get(name, interpolate(value, settings, f"{path}, line {number}"))
    return settings


def interpolate(text: str, settings: Mapping[str, str], where: str) -> str:
    """Fills in ${NAME}, ${NAME:-default} and ${NAME:?message}; $$ is a dollar. Raises Problem."""

    def value(match: re.Match[str]) -> str:
        dollar, name, operator, operand = match.groups()
        if dollar:
            return "$"
        if settings.get(name):
            return settings[name]
        if operator == ":-":
            return str(operand)
        raise Problem(f"{name} is not set", where, operand or "set it in docker/.env")

    return _VARIABLE.sub(value, text)


def read_compose(path: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    """compose.yaml as a mapping, with `services` cut down to those of the profiles in COMPOSE_PROFILES."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    compose: dict[str, Any] = _fill_in(document, settings, str(path))
    profiles = set(settings.get("COMPOSE_PROFILES", "").split(","))
    compose["services"] = {
        name: service
        for name, service in compose["services"].items()
        if not service.get("profiles") or profiles & set(service["profiles"])
    }
    return compose


def start_order(services: Mapping[str, Any]) -> list[str]:
    """The services' names, each after those that it depends on."""
    order: list[str] = []

    def visit(name: str) -> None:
        for needed in services[name].get("depends_on", {}):
            visit(needed)
        if name not in order:
            order.append(name)

    for name in services:
        visit(name)
    return order


def seconds(duration: str) -> float:
    """A duration of the compose file, such as 40s or 2m."""
    match = re.fullmatch(r"(\d+)(ms|s|m)", duration)
    if match is None:
        raise Problem(f"{duration!r} is no duration", "compose.yaml", "write it like 40s")
    return int(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0}[match[2]]


def _fill_in(value: Any, settings: Mapping[str, str], where: str) -> Any:
    if isinstance(value, str):
        return interpolate(value, settings, where)
    if isinstance(value, dict):
        return {name: _fill_in(item, settings, f"{where}, {name}") for name, item in value.items()}
    if isinstance(value, list):
        return [_fill_in(item, settings, where) for item in value]
    return value
