"""compose.yaml: read as Docker Compose reads it, closed to the network, every setting explained."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from composefile import interpolate, read_compose, read_settings, seconds, start_order
from dockerfile import read_dockerfile
from problem import Problem
from program import COMPOSE, image_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = COMPOSE.with_name("env.example")
DOCUMENT = yaml.safe_load(COMPOSE.read_text())
ALL = ["cpu", "gpu", "serving"]


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    file = tmp_path / ".env"
    subprocess.run(["sh", str(COMPOSE.with_name("make_env.sh")), str(file)], check=True, capture_output=True)
    return file


def composed(docker_compose: str, env_file: Path, *profiles: str) -> dict[str, Any]:
    """compose.yaml as Docker Compose itself understands it; it must not find anything to say."""
    options = [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [
            docker_compose,
            "-f",
            str(COMPOSE),
            "--env-file",
            str(env_file),
            *options,
            "config",
            "--format=json",
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(env_file.parent)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def ours(env_file: Path, profiles: str) -> dict[str, Any]:
    return read_compose(COMPOSE, read_settings(env_file, {}) | {"COMPOSE_PROFILES": profiles})


def test_docker_compose_finds_nothing_to_say(docker_compose: str, env_file: Path) -> None:
    assert set(composed(docker_compose, env_file)["services"]) == {"postgres", "airflow", "tensorboard"}
    gpu = composed(docker_compose, env_file, "gpu", "serving")["services"]
    assert set(gpu) == {"postgres", "airflow-gpu", "tensorboard", "serving"}
    devices = gpu["airflow-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_docker_native_reads_it_as_docker_compose_does(docker_compose: str, env_file: Path) -> None:
    theirs = composed(docker_compose, env_file, *ALL)["services"]
    services = ours(env_file, ",".join(ALL))["services"]
    assert set(services) == set(theirs)
    for name, service in services.items():
        other = theirs[name]
        for key in ("image", "command", "entrypoint", "stop_signal", "network_mode", "user", "profiles"):
            assert service.get(key) == other.get(key), (name, key)
        assert service.get("environment", {}) == other.get("environment", {})
        # `config` writes a dollar that belongs to the container as two, so that it can be read again.
        assert [word.replace("$", "$$") for word in service["healthcheck"]["test"]] == other["healthcheck"][
            "test"
        ]
        assert list(service.get("depends_on", {})) == list(other.get("depends_on", {}))


@pytest.mark.parametrize("name", DOCUMENT["services"])
def test_each_service_is_watched_limited_and_closed(name: str, env_file: Path) -> None:
    service = ours(env_file, ",".join(ALL))["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
    assert service["cap_drop"] == ["ALL"] and "privileged" not in service and "cap_add" not in service
    check = service["healthcheck"]
    assert check["test"][0] == "CMD" and len(check["test"]) > 1
    assert {"interval", "timeout", "retries", "start_period", "start_interval"} <= check.keys()
    user = service.get("user") or image_of(name, service).user
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    for needed, how in service.get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"} and needed in DOCUMENT["services"]
    if service.get("network_mode") == "host":
        # Then what listens must itself choose loopback; dags.serve knows nothing else.
        assert "--host=127.0.0.1" in service["command"] or "dags.serve" in service["command"]
        assert "ports" not in service
    for port in service.get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_every_reference_resolves(env_file: Path) -> None:
    compose = ours(env_file, ",".join(ALL))
    settings = read_settings(env_file, {})
    mounted, secrets = set(), set()
    for service in compose["services"].values():
        secrets |= set(service.get("secrets", ()))
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                assert mode == ["ro"], f"{volume} can write to this machine"
                if "data" not in source:
                    assert (COMPOSE.parent / source).exists()
            else:
                mounted.add(source)
        for value in service.get("environment", {}).values():
            if str(value).startswith("/run/secrets/"):
                assert Path(value).name in service["secrets"]
        if "build" in service:
            build = service["build"]
            dockerfile = read_dockerfile(COMPOSE.parent / build["context"] / build["dockerfile"])
            assert build["target"] in dockerfile.images
            assert build.get("args", {}).keys() <= dockerfile.arguments.keys()
    assert mounted == set(compose["volumes"])
    assert secrets == set(compose["secrets"])
    assert all(settings[secret["environment"]] for secret in compose["secrets"].values())


def test_no_secret_is_in_a_services_environment(env_file: Path) -> None:
    settings = read_settings(env_file, {})
    services = json.dumps(ours(env_file, ",".join(ALL))["services"])
    for name, value in settings.items():
        if name.endswith(("_PASSWORD", "_URL")):
            assert value not in services, name


def test_every_variable_is_in_the_example_and_used() -> None:
    text = COMPOSE.read_text()
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text)) | set(re.findall(r"environment: ([A-Z_]+)}", text))
    explained = set(re.findall(r"^(\w+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert used | {"COMPOSE_PROFILES"} == explained
    defaults = read_settings(
        EXAMPLE, {"POSTGRES_PASSWORD": "a", "AIRFLOW_PASSWORD": "b", "METADATA_PASSWORD": "c"}
    )
    for name, default in re.findall(r"(?<!\$)\$\{(\w+):-([^}]*)\}", text):
        assert defaults[name] == default, f"{name} has two defaults"


def test_passwords_are_drawn_once_and_kept_private(env_file: Path) -> None:
    assert env_file.stat().st_mode & 0o777 == 0o600
    settings = read_settings(env_file, {})
    passwords = [value for name, value in settings.items() if name.endswith("_PASSWORD")]
    assert len(set(passwords)) == 3 and all(re.fullmatch(r"[0-9a-f]{48}", value) for value in passwords)
    assert settings["AIRFLOW_PASSWORD"] in settings["AIRFLOW_DATABASE_URL"]
    before = env_file.read_bytes()
    again = subprocess.run(
        ["sh", str(COMPOSE.with_name("make_env.sh")), str(env_file)], capture_output=True, text=True
    )
    assert again.returncode == 78 and "remove it" in again.stderr
    assert env_file.read_bytes() == before and list(env_file.parent.iterdir()) == [env_file]
    ignored = subprocess.run(["git", "check-ignore", "docker/.env"], cwd=ROOT, capture_output=True)
    assert ignored.returncode == 0


def test_settings_and_their_errors(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# no\nA=1\n\nB=${A}/${C:-3}\n")
    assert read_settings(file, {"C": "not of this file"}) == {"A": "1", "B": "1/3"}
    assert read_settings(file, {"A": "2"}) == {"A": "2", "B": "2/3"}
    assert interpolate("$${A} ${A:-x}", {"A": ""}, "here") == "${A} x"
    with pytest.raises(Problem, match="(?s)NO is not set.*here.*give it"):
        interpolate("${NO:?give it}", {}, "here")
    with pytest.raises(Problem, match="make_env.sh"):
        read_settings(tmp_path / "none", {})
    file.write_text("A\n")
    with pytest.raises(Problem, match="line 1"):
        read_settings(file, {})
    assert [seconds(text) for text in ("40s", "2m", "300ms")] == [40, 120, 0.3]
    with pytest.raises(Problem):
        seconds("40")


def test_services_start_after_those_they_need() -> None:
    assert start_order({"a": {"depends_on": {"b": {}}}, "b": {"depends_on": {"c": {}}}, "c": {}}) == list(
        "cba"
    )
