"""The health checks and the entry point, run against what they would meet in a container."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

DOCKER = Path(__file__).resolve().parents[2] / "docker"
Serve = Callable[[dict[str, str]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves texts by path on a free port of loopback; other paths are 404."""
    servers = []

    def start(texts: dict[str, str]) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path in texts else 404)
                self.end_headers()
                self.wfile.write(texts.get(self.path, "").encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def health(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DOCKER / "health.py", *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("answer", "exit_code", "said"),
    [
        (json.dumps({"scheduler": {"status": "healthy"}, "triggerer": {"status": None}}), 0, "healthy"),
        (
            json.dumps({"scheduler": {"status": "unhealthy"}, "db": {"status": "healthy"}}),
            1,
            "unhealthy: scheduler",
        ),
        ("<html>TensorBoard</html>", 0, "healthy"),
        ("[]", 0, "healthy"),
    ],
)
def test_health_by_the_answer(serve: Serve, answer: str, exit_code: int, said: str) -> None:
    done = health(f"http://127.0.0.1:{serve({'/x': answer})}/x")
    assert done.returncode == exit_code and said in done.stdout


def test_no_answer_is_unhealthy(serve: Serve) -> None:
    assert health(f"http://127.0.0.1:{serve({})}/x").returncode == 1
    assert health("http://127.0.0.1:1/").returncode == 1
    assert health("nonsense").returncode == 1
    assert health().returncode == 1


@pytest.mark.parametrize(
    ("states", "exit_code"),
    [
        ({"a": "AVAILABLE", "b": "AVAILABLE"}, 0),
        ({"a": "AVAILABLE", "b": "LOADING"}, 1),
        ({"a": "AVAILABLE"}, 1),
    ],
)
def test_serving_is_healthy_when_all_its_models_are_there(
    serve: Serve, tmp_path: Path, states: dict[str, str], exit_code: int
) -> None:
    answer = '{\n "model_version_status": [\n  {\n   "version": "2",\n   "state": "STATE",\n'
    models = {f"/v1/models/{name}": answer.replace("STATE", state) for name, state in states.items()}
    port = serve(models)
    config = tmp_path / "models.config"
    config.write_text('config {\n    name: "a"\n}\nconfig {\n  name: "b"\n}\n')
    check = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["serving"]["healthcheck"][
        "test"
    ]
    command = [
        word.replace("$$", "$")
        .replace("/8501", f"/{port}")
        .replace("/etc/serving/models.config", str(config))
        for word in check[1:]
    ]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == exit_code


def test_what_serving_serves_is_a_model_config() -> None:
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    text = (DOCKER / "serving" / "models.config").read_text()
    for model in text_format.Parse(text, ModelServerConfig()).model_config_list.config:
        assert model.base_path == f"/upcycle/runs/{model.name}/serving/live"
        assert model.model_platform == "tensorflow"


def entrypoint(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", DOCKER / "entrypoint.sh", *command],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_entry_point_reads_secrets_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "with space"
    secret.write_text("postgresql://a:b'c$d@h/e\n")
    done = entrypoint("env", UPCYCLE_METADATA_URL_FILE=str(secret))
    assert "UPCYCLE_METADATA_URL=postgresql://a:b'c$d@h/e" in done.stdout.splitlines()
    assert "_FILE" not in done.stdout and done.returncode == 0
    assert entrypoint("sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize("content", [None, ""])
def test_a_missing_or_empty_secret_is_bad_input(tmp_path: Path, content: str | None) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_text(content)
    done = entrypoint("echo", "started", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_FILE=str(secret))
    assert (done.returncode, done.stdout) == (78, "")
    assert f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_FILE={secret}" in done.stderr and "fix:" in done.stderr
