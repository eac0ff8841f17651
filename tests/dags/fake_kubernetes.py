"""A Kubernetes API for the tests: pods, their logs, and commands in the XCom sidecar, on loopback.

The container `base` of a pod is a process of this machine, in a process group of its own, so that exit codes,
results, logs and kills are real; its XCom folder is a folder here. The sidecar is played: it runs until the
command comes that kills it. Nothing is scheduled, mounted or isolated.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import signal
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.dags.fake_process import FakeProcess, now

XCOM = "/airflow/xcom"
SIDECAR = "airflow-xcom-sidecar"
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY, CLOSE = 0x82, 0x88
STDOUT, STATUS = 1, 3


class Pod(FakeProcess):
    """One pod: what it was created from, and the process of its container `base`."""

    def __init__(self, body: dict[str, Any], xcom: Path) -> None:
        super().__init__()
        self.body = body
        self.xcom = xcom
        self.sidecar_runs = len(body["spec"]["containers"]) > 1

    @property
    def name(self) -> str:
        """Its name, a new one for each pod."""
        return str(self.body["metadata"]["name"])

    @property
    def base(self) -> dict[str, Any]:
        """The container that runs the node."""
        return next(c for c in self.body["spec"]["containers"] if c["name"] == "base")

    def stamp(self) -> bytes:
        """The kubelet writes the time before each line."""
        return f"{now()} ".encode()

    def as_json(self) -> dict[str, Any]:
        """The pod as the API shows it."""
        if self.exit_code is None:
            state: dict[str, Any] = {"running": {"startedAt": now()}}
        else:
            said = b"".join(line.split(b" ", 1)[1] for line in self.output[-80:])
            message = said.decode() if self.exit_code and "terminationMessagePolicy" in self.base else None
            state = {"terminated": {"exitCode": self.exit_code, "finishedAt": self.ended, "message": message}}
        states = {"base": state}
        if len(self.body["spec"]["containers"]) > 1:
            ended = {"terminated": {"exitCode": 0, "finishedAt": now()}}
            states[SIDECAR] = {"running": {"startedAt": now()}} if self.sidecar_runs else ended
        runs = any("running" in one for one in states.values())
        statuses = [
            {"name": name, "image": "i", "imageID": "i", "ready": True, "restartCount": 0, "state": one}
            for name, one in states.items()
        ]
        phase = "Running" if runs else "Failed" if self.exit_code else "Succeeded"
        return self.body | {"status": {"phase": phase, "containerStatuses": statuses}}


class FakeKubernetes:
    """The API server and its one node. `python` plays the image's Python, `environment` its variables."""

    def __init__(self, python: Path, environment: dict[str, str], folder: Path) -> None:
        self.python = python
        self.environment = environment
        self.folder = folder
        self.pods: dict[str, Pod] = {}
        self.created: list[Pod] = []  # the deleted ones too
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def connection(self) -> str:
        """The value of AIRFLOW_CONN_KUBERNETES_DEFAULT that leads here."""
        named = [{"name": "fake", "cluster": {"server": self.url}}]
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": named,
            "users": [{"name": "fake", "user": {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            "current-context": "fake",
        }
        file = self.folder / "kubeconfig"
        file.write_text(json.dumps(config), encoding="utf-8")
        return json.dumps({"conn_type": "kubernetes", "extra": {"kube_config_path": str(file)}})

    def create(self, body: dict[str, Any]) -> Pod:
        """Starts a pod's process."""
        xcom = self.folder / f"xcom-{len(self.created)}"
        xcom.mkdir()
        body["metadata"] |= {"uid": xcom.name, "creationTimestamp": now()}
        base = next(c for c in body["spec"]["containers"] if c["name"] == "base")
        own = {entry["name"]: entry.get("value", "from a Secret") for entry in base["env"]}
        command = [
            str(self.python) if word == "python" else expanded(word, own).replace(XCOM, str(xcom))
            for word in [*base["command"], *base["args"]]
        ]
        pod = Pod(body, xcom)
        pod.run(command, self.environment | own)
        self.pods[pod.name] = pod
        self.created.append(pod)
        return pod

    def delete(self, pod: Pod, grace_seconds: float) -> None:
        """TERM, `grace_seconds` for its end, KILL; the pod stays in the list until then."""
        pod.body["metadata"]["deletionTimestamp"] = now()
        pod.kill(signal.SIGTERM)

        def end() -> None:
            if not pod.wait(grace_seconds):
                pod.kill(signal.SIGKILL)
                pod.wait()
            self.pods.pop(pod.name, None)

        if pod.exit_code is None:
            threading.Thread(target=end, daemon=True).start()
        else:
            end()

    def close(self) -> None:
        """Ends the server and every process."""
        for pod in self.created:
            pod.kill(signal.SIGKILL)
        self._server.shutdown()
        self._server.server_close()


def expanded(word: str, variables: dict[str, str]) -> str:
    """An argument as Kubernetes gives it to a process: $(NAME) is a variable's value, $$ is $."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\((\w+)\)", value, word)


def matches(selector: str, labels: dict[str, str]) -> bool:
    """Whether labels match a selector such as `a=b,c!=d,!e`."""
    for term in filter(None, selector.split(",")):
        key, operator, value = re.fullmatch(r"!?([^!=]+)(!=|=|)(.*)", term).groups()  # type: ignore[union-attr]
        if operator == "=":
            matched = labels.get(key) == value
        elif operator == "!=":
            matched = labels.get(key) != value
        else:
            matched = key not in labels
        if not matched:
            return False
    return True


def _handler(cluster: FakeKubernetes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

        def do_GET(self) -> None:
            self._route()

        def do_POST(self) -> None:
            self._route()

        def do_PATCH(self) -> None:
            self._route()

        def do_DELETE(self) -> None:
            self._route()

        def _route(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            url = urllib.parse.urlparse(self.path)
            query = urllib.parse.parse_qs(url.query)
            cluster.requests.append(f"{self.command} {url.path}")
            kind, _, rest = url.path.partition("/namespaces/")[2].partition("/")[2].partition("/")
            name, _, action = rest.partition("/")
            if kind == "events":
                self._answer(200, {"kind": "EventList", "metadata": {}, "items": []})
            elif not name and self.command == "POST":
                self._answer(201, cluster.create(body).as_json())
            elif not name:
                selector = query.get("labelSelector", [""])[0]
                found = [pod.as_json() for pod in list(cluster.pods.values())]
                items = [pod for pod in found if matches(selector, pod["metadata"]["labels"])]
                self._answer(200, {"kind": "PodList", "metadata": {}, "items": items})
            elif name not in cluster.pods:
                self._answer(404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
            else:
                self._act(cluster.pods[name], action, query, body)

        def _act(self, pod: Pod, action: str, query: dict[str, list[str]], body: dict[str, Any]) -> None:
            if action == "log":
                self._log(pod.lines(query.get("follow") in (["True"], ["true"])))
            elif action == "exec":
                self._exec(pod, query["command"])
            elif self.command == "PATCH":
                pod.body["metadata"]["labels"] |= body["metadata"]["labels"]
                self._answer(200, pod.as_json())
            elif self.command == "DELETE":
                grace = query.get("gracePeriodSeconds", [pod.body["spec"]["terminationGracePeriodSeconds"]])
                cluster.delete(pod, float(grace[0]))
                self._answer(200, pod.as_json())
            else:
                self._answer(200, pod.as_json())

        def _log(self, lines: Iterator[bytes]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for line in lines:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

        def _exec(self, pod: Pod, command: list[str]) -> None:
            """A command in the sidecar, over a WebSocket whose frames begin with the channel's number."""
            key = self.headers["Sec-WebSocket-Key"].encode()
            accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode()
            self.send_response(101, "Switching Protocols")
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", accept)
            self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
            self.end_headers()
            self.close_connection = True
            if len(command) == 1:  # a shell that reads its command: what the provider ends the sidecar with
                assert b"kill -2" in self._frame()
                pod.sidecar_runs = False
            else:
                script = [word.replace(XCOM, str(pod.xcom)) for word in command]
                done = subprocess.run(script, stdout=subprocess.PIPE, check=True, timeout=60)
                self._send(BINARY, bytes([STDOUT]) + done.stdout)
            self._send(BINARY, bytes([STATUS]) + b'{"status": "Success"}')
            self._send(CLOSE, b"")

        def _frame(self) -> bytes:
            """The content of one short frame, which a client masks."""
            length = self.rfile.read(2)[1] & 0x7F
            if length == 126:
                length = int.from_bytes(self.rfile.read(2), "big")
            mask = self.rfile.read(4)
            return bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length)))

        def _send(self, opcode: int, data: bytes) -> None:
            size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
            self.wfile.write(bytes([opcode]) + size + data)
            self.wfile.flush()

        def _answer(self, code: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
