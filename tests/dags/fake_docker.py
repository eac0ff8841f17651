"""A Docker engine for the tests: the part of its HTTP API that a run uses, on loopback.

A container is a process of this machine, in a process group of its own, so that exit codes, results, logs and
kills are real. What isn't is everything that isolates: mounts, users, networks, GPUs are only written down.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import struct
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.dags.fake_process import FakeProcess

STDOUT = 1


class Container(FakeProcess):
    """One container: what it was created from, and its process, once it was started."""

    def __init__(self, container_id: str, name: str, body: dict[str, Any]) -> None:
        super().__init__()
        self.id = container_id
        self.name = name
        self.body = body

    @property
    def status(self) -> str:
        """created, running or exited."""
        if self.process is None:
            return "created"
        return "running" if self.exit_code is None else "exited"

    def start(self, python: Path, environment: dict[str, str]) -> None:
        """Starts the process; `python` stands for the image's Python."""
        own = dict(item.split("=", 1) for item in self.body["Env"])
        self.run([str(python) if word == "python" else word for word in self.body["Cmd"]], environment | own)


class FakeDocker:
    """The engine. `python` plays the image's Python, `environment` its variables."""

    def __init__(self, python: Path, environment: dict[str, str]) -> None:
        self.python = python
        self.environment = environment
        self.containers: dict[str, Container] = {}
        self.created: list[Container] = []  # the removed ones too
        self.requests: list[str] = []
        self.has_image = True
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"tcp://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def find(self, word: str) -> Container | None:
        """A container by id or name."""
        return next((c for c in self.containers.values() if word in (c.id, c.name)), None)

    def running(self) -> list[Container]:
        """The containers whose process runs."""
        return [container for container in self.containers.values() if container.status == "running"]

    def close(self) -> None:
        """Ends the server and every process."""
        for container in self.created:
            container.kill(signal.SIGKILL)
        self._server.shutdown()
        self._server.server_close()


def _handler(engine: FakeDocker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

        def do_GET(self) -> None:
            self._route()

        def do_POST(self) -> None:
            self._route()

        def do_DELETE(self) -> None:
            self._route()

        def _route(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            url = urllib.parse.urlparse(self.path)
            path = re.sub(r"^/v[\d.]+", "", url.path)
            query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
            engine.requests.append(f"{self.command} {path}")
            if path in ("/_ping", "/version", "/images/json"):
                answers = {
                    "/version": {"ApiVersion": "1.44", "MinAPIVersion": "1.24"},
                    "/images/json": [{"Id": "sha256:1"}] if engine.has_image else [],
                }
                self._answer(200, answers.get(path, "OK"))
            elif path == "/images/create":
                self._answer(404, {"message": "pull access denied, repository does not exist"})
            elif path == "/containers/create":
                self._create(query["name"], body)
            elif path.startswith("/containers/"):
                word, _, action = path.removeprefix("/containers/").partition("/")
                container = engine.find(word)
                if container is None:
                    self._answer(404, {"message": f"No such container: {word}"})
                else:
                    self._act(container, action, query)
            else:
                self._answer(404, {"message": f"page not found: {path}"})

        def _create(self, name: str, body: dict[str, Any]) -> None:
            if engine.find(name) is not None:
                self._answer(409, {"message": f"Conflict. The container name {name} is already in use"})
                return
            container = Container(f"{len(engine.created):064d}", name, body)
            engine.containers[container.id] = container
            engine.created.append(container)
            self._answer(201, {"Id": container.id, "Warnings": []})

        def _act(self, container: Container, action: str, query: dict[str, str]) -> None:
            if action == "start":
                container.start(engine.python, engine.environment)
                self._answer(204, None)
            elif action == "attach":
                self.send_response(101, "UPGRADED")
                self.send_header("Connection", "Upgrade")
                self.send_header("Upgrade", "tcp")
                self.end_headers()
                self._stream(container.lines(follow=True))
            elif action == "logs":
                self.send_response(200)
                self.send_header("Content-Type", "application/vnd.docker.multiplexed-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                tail = query.get("tail", "all")
                start = 0 if tail == "all" else max(0, len(container.output) - int(tail))
                self._stream(container.lines(query.get("follow") in ("1", "True", "true"), start))
            elif action == "wait":
                container.wait()
                self._answer(200, {"StatusCode": container.exit_code})
            elif action == "stop":
                container.kill(signal.SIGTERM)
                if not container.wait(float(query.get("t", 10))):
                    container.kill(signal.SIGKILL)
                self._answer(204, None)
            elif action == "json":
                state = {
                    "Status": container.status,
                    "Running": container.status == "running",
                    "ExitCode": container.exit_code or 0,
                }
                config = {"Tty": False, "Labels": container.body.get("Labels")}
                log_config = {"LogConfig": {"Type": "json-file"}}
                self._answer(
                    200, {"Id": container.id, "Config": config, "State": state, "HostConfig": log_config}
                )
            elif self.command == "DELETE":
                container.kill(signal.SIGKILL)
                del engine.containers[container.id]
                self._answer(204, None)

        def _stream(self, lines: Iterator[bytes]) -> None:
            self.close_connection = True
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for line in lines:
                    self.wfile.write(struct.pack(">BxxxL", STDOUT, len(line)) + line)
                    self.wfile.flush()

        def _answer(self, code: int, body: Any) -> None:
            data = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
