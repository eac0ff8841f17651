"""What a Dockerfile says about running its images: environment, entry point, command, files, user."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from problem import Problem


@dataclass
class Image:
    """A stage's settings. `copied` maps paths in the image to paths in the build context."""

    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    copied: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] | None = None
    run: list[str] = field(default_factory=list)

    def child(self) -> Image:
        """The image that a stage built on this one begins with."""
        return Image(
            dict(self.environment),
            dict(self.labels),
            dict(self.copied),
            self.workdir,
            self.user,
            self.entrypoint,
            self.command,
            self.healthcheck,
        )


@dataclass(frozen=True)
class Dockerfile:
    """The arguments before the first stage, what each FROM names, and each stage's image."""

    arguments: dict[str, str]
    bases: dict[str, str]
    images: dict[str, Image]


def read_dockerfile(path: Path) -> Dockerfile:
    """Reads a Dockerfile whose stages are all named. Raises Problem for one that this can't follow."""
    arguments: dict[str, str] = {}
    bases: dict[str, str] = {}
    images: dict[str, Image] = {}
    known: dict[str, str] = {}  # the arguments of the stage that is read
    image: Image | None = None
    for keyword, rest in instructions(path.read_text(encoding="utf-8")):
        if keyword == "FROM":
            match = re.fullmatch(r"(\S+)\s+AS\s+(\S+)", rest, re.IGNORECASE)
            if match is None:
                raise Problem(f"FROM {rest} has no name", str(path), "write FROM BASE AS NAME")
            base, name = match.groups()
            image = images[base].child() if base in images else Image()
            bases[name], images[name], known = base, image, {}
        elif keyword == "ARG":
            name, _, default = rest.partition("=")
            (arguments if image is None else known)[name] = default
        elif image is None:
            raise Problem(f"{keyword} stands before the first FROM", str(path), "move it into a stage")
        else:
            _apply(image, keyword, rest, known, images)
    return Dockerfile(arguments, bases, images)


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions, each on one line, without comments."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(keyword.upper(), rest.strip()) for keyword, _, rest in found]


def _apply(image: Image, keyword: str, rest: str, known: dict[str, str], images: dict[str, Image]) -> None:
    if keyword in ("ENV", "LABEL"):
        values = image.environment if keyword == "ENV" else image.labels
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            values[name] = Template(value).safe_substitute(known | image.environment)
    elif keyword == "WORKDIR":
        image.workdir = posixpath.join(image.workdir, rest)
    elif keyword == "USER":
        image.user = rest
    elif keyword == "ENTRYPOINT":
        image.entrypoint, image.command = json.loads(rest), []
    elif keyword == "CMD":
        image.command = json.loads(rest)
    elif keyword == "HEALTHCHECK":
        _, has_command, command = rest.partition("CMD ")
        image.healthcheck = json.loads(command) if has_command else None
    elif keyword == "RUN":
        image.run.append(rest)
    elif keyword == "COPY":
        _copy(image, shlex.split(rest), images)


def _copy(image: Image, words: list[str], images: dict[str, Image]) -> None:
    options = dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--"))
    paths = [word for word in words if not word.startswith("--")]
    if len(paths) != 2:
        raise Problem(f"COPY {' '.join(words)} has several sources", "a Dockerfile", "write a COPY for each")
    source, target = paths[0], posixpath.join(image.workdir, paths[1])
    if "from" not in options:
        image.copied[target] = source
        return
    # What another stage copied from the build context; an image from elsewhere has nothing of it.
    for path, origin in images.get(options["from"], Image()).copied.items():
        if path == source or path.startswith(f"{source}/"):
            image.copied[target + path.removeprefix(source)] = origin
