"""Objects of S3 and Google Cloud Storage, on servers that speak their protocols."""

from __future__ import annotations

import builtins
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.object_store import gcs
from components.object_store.store import ObjectStore, open_store
from detection.errors import BadInput, Failed
from tests.ports import free_port

USES: list[Callable[[ObjectStore], object]] = [
    lambda store: store.read("a"),
    lambda store: store.names(""),
    lambda store: store.write("a", b"", None),
    lambda store: store.upload("a", Path(__file__)),
    lambda store: store.check(),
    lambda store: store.size("a"),
    lambda store: store.piece("a", 0, 1),
    lambda store: list(store.chunks("a")),
    lambda store: store.delete(["a"]),
]


@pytest.fixture
def store(address: str) -> ObjectStore:
    return open_store(address)


def test_an_object_is_written_where_there_is_none_or_the_one_that_was_read(store: ObjectStore) -> None:
    assert store.read("a") is None
    assert store.write("a", b"one", None) and not store.write("a", b"two", None)
    first = store.read("a")
    assert first is not None and first.data == b"one"
    assert store.write("a", b"two", first.tag) and not store.write("a", b"three", first.tag)
    second = store.read("a")
    assert second is not None and second.data == b"two" and second.tag != first.tag
    store.delete(["a"])
    assert not store.write("a", b"three", second.tag) and store.read("a") is None


def test_a_large_file_arrives_and_is_not_replaced(store: ObjectStore, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(9_000_001)
    (tmp_path / "large").write_bytes(data)
    store.upload("versions/1/large", tmp_path / "large")
    (tmp_path / "large").write_bytes(b"other")
    store.upload("versions/1/large", tmp_path / "large")
    assert b"".join(store.chunks("versions/1/large")) == data


def test_a_stretch_of_an_object(store: ObjectStore, address: str) -> None:
    assert store.size("a") is None
    assert store.write("a", bytes(range(200)), None) and store.size("a") == 200
    assert store.piece("a", 50, 3) == bytes([50, 51, 52]) and store.piece("a", 198, 9) == bytes([198, 199])
    assert store.piece("a", 200, 9) == b""
    with pytest.raises(Failed, match="is gone"):
        store.piece("b", 0, 1)


def test_names_are_those_below(store: ObjectStore, address: str) -> None:
    beside = open_store(address + "2")
    for name in ("a/1", "a/2/3", "b"):
        assert store.write(name, b"", None)
    assert beside.write("a/9", b"", None)
    assert sorted(store.names("")) == ["a/1", "a/2/3", "b"] and sorted(store.names("a/")) == ["a/1", "a/2/3"]
    store.delete(["a/1", "never there"])
    assert sorted(store.names("a/")) == ["a/2/3"] and list(beside.names("")) == ["a/9"]


def test_the_root_of_a_bucket(address: str) -> None:
    root = open_store(address.removesuffix("/serving"))
    assert root.write("a", b"1", None) and list(root.names("")) == ["a"]
    assert open_store(address.removesuffix("serving")).read("a") == root.read("a")


def test_an_object_that_is_gone(store: ObjectStore, address: str) -> None:
    with pytest.raises(Failed, match="is gone") as error:
        list(store.chunks("a"))
    assert error.value.where == f"{address}/a"


@pytest.mark.parametrize("use", range(5))
def test_no_bucket(address: str, use: int) -> None:
    nowhere = address.replace("bucket-", "no-bucket-")
    with pytest.raises(BadInput, match="no such bucket") as error:
        USES[use](open_store(nowhere))
    assert error.value.where == nowhere and "correct the address" in error.value.fix


@pytest.mark.parametrize("use", range(len(USES)))
@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_store_that_does_not_answer_may_later(
    scheme: str, use: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", nowhere)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", nowhere)
    monkeypatch.setattr(gcs, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(Failed, match="can't be reached") as error:
        USES[use](open_store(f"{scheme}://bucket/a"))
    assert error.value.exit_code == 1


@pytest.mark.usefixtures("no_s3_credentials")
def test_s3_without_credentials() -> None:
    with pytest.raises(BadInput, match="Unable to locate credentials") as error:
        open_store("s3://bucket/a").read("a")
    assert "AWS_ACCESS_KEY_ID" in error.value.fix


def test_s3_with_an_endpoint_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no url")
    with pytest.raises(BadInput, match="Invalid endpoint"):
        open_store("s3://bucket/a")


def test_google_with_credentials_that_are_no_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    (tmp_path / "key.json").write_text('{"type": "service_account"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(BadInput, match="no usable credentials") as error:
        open_store("gs://bucket/a")
    assert "GOOGLE_APPLICATION_CREDENTIALS" in error.value.fix


@pytest.mark.parametrize(
    ("answer", "kind", "problem"),
    [
        ("AccessDenied", BadInput, "refuses these credentials: AccessDenied"),
        ("ExpiredToken", BadInput, "refuses these credentials: ExpiredToken"),
        ("NotImplemented", BadInput, "lacks something that publishing needs: conditional writes"),
        ("SlowDown", Failed, "can't be reached, or failed"),
        ("InternalError", Failed, "can't be reached, or failed"),
    ],
)
def test_what_s3_answers(
    monkeypatch: pytest.MonkeyPatch, answer: str, kind: type[Exception], problem: str
) -> None:
    import boto3
    from botocore.stub import Stubber

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", region_name="us-east-1")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    with Stubber(client) as stub, pytest.raises(kind, match=problem):
        stub.add_client_error("put_object", answer)
        open_store("s3://bucket/a").write("a", b"", None)


@pytest.mark.parametrize(
    ("status", "kind", "problem"),
    [
        (403, BadInput, "refuses: no right"),
        (401, BadInput, "refuses: no right"),
        (503, Failed, "can't be reached, or failed"),
    ],
)
def test_what_google_answers(
    google: Any, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[Exception], problem: str
) -> None:
    from google.api_core.exceptions import from_http_status
    from google.cloud.storage import Blob

    def refuse(*_: object, **__: object) -> None:
        raise from_http_status(status, "no right")

    for name, value in google.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Blob, "upload_from_string", refuse)
    with pytest.raises(kind, match=problem):
        open_store("gs://bucket/a").write("a", b"", None)


@pytest.mark.parametrize(
    ("address", "package", "extra"),
    [("s3://bucket/a", "boto3", "aws"), ("gs://bucket/a", "google.cloud", "gcp")],
)
def test_without_the_client(monkeypatch: pytest.MonkeyPatch, address: str, package: str, extra: str) -> None:
    real = builtins.__import__

    def absent(name: str, *arguments: Any, **named: Any) -> Any:
        if name == package:
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(BadInput, match="is not installed") as error:
        open_store(address)
    assert error.value.fix == f"pip install 'upcycle[{extra}]'"
