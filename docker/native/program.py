"""A service of compose.yaml as a process of this machine: the same command and environment, other paths."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from composefile import seconds
from dockerfile import Image, read_dockerfile
from problem import Problem

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker" / "compose.yaml"
# Where the images' own folders lie on this machine
PLACES = {
    "/app": ROOT,
    "/opt/upcycle-airflow": ROOT / ".venv-airflow",
    "/opt/upcycle-ml": ROOT / ".venv",
}
SECRETS = "/run/secrets"
SCRIPTS = "/usr/local/bin"
# What a program gets of this process's environment; the rest comes from the files.
PASSED = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


@dataclass(frozen=True)
class Program:
    """What to start, how to ask whether it works, and how to end it."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    workdir: Path
    health: list[str]
    health_interval: float
    stop_signal: str
    grace: float

    def changed(self, argv: list[str], environment: dict[str, str], workdir: Path) -> Program:
        """The same program, started otherwise."""
        return replace(self, argv=argv, environment=environment, workdir=workdir)


def program(name: str, service: Mapping[str, Any], folder: Path) -> Program:
    """The service as a program that keeps its files in `folder`. Raises Problem if its image is unknown."""
    image = image_of(name, service)
    places = places_of(service, image, folder)
    inherited = {key: os.environ[key] for key in PASSED if key in os.environ}
    settings = {"PATH": "$PATH"} | image.environment | service.get("environment", {})
    environment = inherited | {key: on_this_machine(str(value), places) for key, value in settings.items()}
    environment["PATH"] = f"{folder / 'bin'}:{environment['PATH'].replace('$PATH', os.environ['PATH'])}"
    argv = [*(service.get("entrypoint") or image.entrypoint), *(service.get("command") or image.command)]
    check = service["healthcheck"]
    return Program(
        name=name,
        argv=[on_this_machine(word, places) for word in argv],
        environment=environment,
        workdir=Path(on_this_machine(image.workdir, places)),
        health=[on_this_machine(word, places) for word in check["test"][1:]],
        health_interval=seconds(check["start_interval"]),
        stop_signal=service.get("stop_signal", "SIGTERM"),
        grace=seconds(service.get("stop_grace_period", "10s")),
    )


def is_postgres(service: Mapping[str, Any]) -> bool:
    """Whether the service runs the official PostgreSQL image."""
    return re.search(r"(^|/)postgres[:@]", service["image"]) is not None


def image_of(name: str, service: Mapping[str, Any]) -> Image:
    """What the service's Dockerfile says. Raises Problem for an image from elsewhere, but PostgreSQL's."""
    build = service.get("build")
    if build is not None:
        dockerfile = COMPOSE.parent / build["context"] / build["dockerfile"]
        return read_dockerfile(dockerfile).images[build["target"]]
    if is_postgres(service):
        return Image()
    raise Problem(
        f"{name} needs the image {service['image']}, which only a container engine can run",
        str(COMPOSE),
        f"leave the profile of {name} out of COMPOSE_PROFILES",
    )


def places_of(service: Mapping[str, Any], image: Image, folder: Path) -> dict[str, Path]:
    """Where the paths of the service's container lie on this machine: volumes, secrets, the image's files."""
    places = PLACES | {SECRETS: folder / "secrets"}
    for path, source in image.copied.items():
        if path.startswith(f"{SCRIPTS}/"):
            places[path] = ROOT / source
    for volume in service.get("volumes", ()):
        source, path, *_ = volume.split(":")
        is_bind = source.startswith((".", "/"))
        places[path] = (COMPOSE.parent / source).resolve() if is_bind else folder / "volumes" / source
    return places


def on_this_machine(text: str, places: Mapping[str, Path]) -> str:
    """`text` with every path of the container replaced, the longest match first."""
    paths = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True))
    return re.sub(rf"(?<![\w./-])({paths})(?![\w.-])", lambda match: str(places[match[1]]), text)


def lay_out(folder: Path, compose: Mapping[str, Any], settings: Mapping[str, str]) -> None:
    """Makes the folders, the secrets' files and the images' scripts that the programs find in `folder`.

    Raises Problem if a secret has no value.
    """
    for name in ("bin", "logs", "secrets", "volumes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in compose["volumes"]:
        (folder / "volumes" / name).mkdir(exist_ok=True)
    for name, secret in compose["secrets"].items():
        file = folder / "secrets" / name
        value = settings.get(secret["environment"])
        if not value:
            raise Problem(
                f"{secret['environment']} is not set", f"the secret {name}", "set it in the env file"
            )
        file.touch(mode=0o600)
        file.write_text(value, encoding="utf-8")
    for name, service in compose["services"].items():
        for path, source in image_of(name, service).copied.items():
            link = folder / "bin" / Path(path).name
            if path.startswith(f"{SCRIPTS}/") and not link.exists():
                link.symlink_to(ROOT / source)


def require(command: str) -> str:
    """The path of a program of this machine. Raises Problem if it isn't installed."""
    found = shutil.which(command)
    if found is None:
        raise Problem(f"{command} is not installed", "this machine's PATH", f"install {command}")
    return found
