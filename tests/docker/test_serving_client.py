"""The example client, by REST and gRPC, against a server that speaks as TensorFlow Serving does."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.docker.fake_serving import FakeServing, fake_serving

CLIENT = Path(__file__).parents[2] / "docker" / "serving" / "client.py"


@pytest.fixture(scope="module")
def client() -> ModuleType:
    specification = importlib.util.spec_from_file_location("serving_client", CLIENT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["serving_client"] = module
    specification.loader.exec_module(module)
    return module


def save_detector(directory: Path) -> None:
    """One object in each image, with its mean grey as score; the second row is padding."""
    import tensorflow as tf

    class Detector(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="input_tensor")])
        def serve(self, input_tensor: Any) -> dict[str, Any]:
            def mean(encoded: Any) -> Any:
                pixels = tf.io.decode_image(encoded, channels=3, expand_animations=False)
                return tf.reduce_mean(tf.cast(pixels, tf.float32)) / 255

            scores = tf.map_fn(mean, input_tensor, fn_output_signature=tf.float32)
            batch = tf.size(scores)
            return {
                "detection_boxes": tf.tile([[[0.1, 0.2, 0.6, 0.7], [0.0, 0.0, 0.0, 0.0]]], [batch, 1, 1]),
                "detection_scores": tf.stack([scores, tf.zeros([batch])], axis=1),
                "detection_classes": tf.tile([[3.0, 1.0]], [batch, 1]),
                "num_detections": tf.ones([batch]),
                "raw_detection_scores": tf.zeros([batch, 600_000]),  # with two images too large for gRPC
            }

    detector = Detector()
    signatures = {"encoded_image_string_tensor": detector.serve}
    tf.saved_model.save(detector, str(directory), signatures=signatures)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeServing]:
    live = tmp_path_factory.mktemp("serving") / "live"
    save_detector(live / "4")
    with fake_serving({"signs": live}) as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


def picture(grey: int, width: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full([20, width, 3], grey, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("by", ["rest", "grpc"])
def test_images_of_different_sizes_in_one_request(client: ModuleType, server: FakeServing, by: str) -> None:
    ask, address = getattr(client, f"ask_{by}"), getattr(server, by)
    before = server.answered
    found = ask(address, "signs", [picture(51, 30), picture(204, 45)])
    assert server.answered == before + 1
    assert [len(one) for one in found] == [1, 1], "padding is no detection"
    assert [one[0].score for one in found] == pytest.approx([0.2, 0.8])
    assert found[0][0].class_id == 3 and found[0][0].box == pytest.approx((0.1, 0.2, 0.6, 0.7))


@pytest.mark.parametrize("by", ["rest", "grpc"])
@pytest.mark.parametrize(
    ("model", "image", "said"),
    [("other", b"", "Servable not found"), ("signs", b"no picture", "image")],
)
def test_what_the_server_says_of_an_error(
    client: ModuleType, server: FakeServing, by: str, model: str, image: bytes, said: str
) -> None:
    with pytest.raises(client.ServingError, match=said):
        getattr(client, f"ask_{by}")(getattr(server, by), model, [image])


def test_as_a_command(server: FakeServing, tmp_path: Path) -> None:
    files = []
    for name, grey in (("dark", 51), ("light", 204)):
        files.append(tmp_path / f"{name}.png")
        files[-1].write_bytes(picture(grey, 30))
    # -I -S: without any installed package
    command = [sys.executable, "-I", "-S", str(CLIENT), "signs", *map(str, files), "--rest", server.rest]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"no_proxy": "127.0.0.1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{files[0]}: 0 found",
        f"{files[1]}: 1 found",
        "  class 3  score 0.80  ymin xmin ymax xmax 0.100 0.200 0.600 0.700",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.jpg"], "No such file"),
        ([str(CLIENT), "--rest", "http://127.0.0.1:9"], "127.0.0.1:9 can't be reached: "),
        ([str(CLIENT), "--grpc", "127.0.0.1:9"], "UNAVAILABLE"),
    ],
)
def test_a_user_sees_no_traceback(
    client: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert client.main(["signs", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and said in error
