"""Asks TensorFlow Serving what a published detector finds in image files: an example for clients of your own.

    python docker/serving/client.py demo photo.jpg ...                          REST; Python alone is enough
    python docker/serving/client.py demo photo.jpg ... --grpc 127.0.0.1:8500    needs tensorflow-serving-api

The files go as they are, as JPEG or PNG, of different sizes if need be; the model decodes them.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIGNATURE, ARGUMENT = "encoded_image_string_tensor", "input_tensor"
OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Detection:
    """An object: its id in label_map.pbtxt, its score, and ymin, xmin, ymax, xmax in parts of the image."""

    class_id: int
    score: float
    box: tuple[float, float, float, float]


class ServingError(Exception):
    """The server can't be reached, or says no; the message is for people."""


def ask_rest(address: str, model: str, images: Sequence[bytes]) -> list[list[Detection]]:
    """What the model finds in each image file, over REST at `address` (http://HOST:PORT). Or ServingError."""
    instances = [{"b64": base64.b64encode(image).decode()} for image in images]
    request = urllib.request.Request(
        f"{address.rstrip('/')}/v1/models/{model}:predict",
        data=json.dumps({"signature_name": SIGNATURE, "instances": instances}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            predictions = json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        raise ServingError(f"{error.code} {error.reason}: {error.read().decode(errors='replace')}") from None
    except OSError as error:  # URLError and time-outs are some
        raise ServingError(f"{address} can't be reached: {getattr(error, 'reason', error)}") from None
    return [list(_detections(*(one[name] for name in OUTPUTS))) for one in predictions]


def ask_grpc(address: str, model: str, images: Sequence[bytes]) -> list[list[Detection]]:
    """The same over gRPC at `address` (HOST:PORT)."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, SIGNATURE
    request.inputs[ARGUMENT].CopyFrom(tf.make_tensor_proto(list(images), tf.string))
    request.output_filter.extend(OUTPUTS)  # with the raw predictions too, an answer can be too large for gRPC
    with grpc.insecure_channel(address) as channel:
        service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            outputs = service.Predict(request, timeout=TIMEOUT_SECONDS).outputs
        except grpc.RpcError as error:
            raise ServingError(f"{error.code().name}: {error.details()}") from None
    columns = [tf.make_ndarray(outputs[name]).tolist() for name in OUTPUTS]
    return [list(_detections(*one)) for one in zip(*columns, strict=True)]


def _detections(boxes: Any, scores: Any, classes: Any, count: float) -> Iterator[Detection]:
    """One image's; rows beyond `count` are padding."""
    rows = zip(boxes, scores, classes, strict=True)
    for box, score, class_id in list(rows)[: int(count)]:
        yield Detection(int(class_id), float(score), tuple(box))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each detection; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="the detector's name, as in models.config")
    parser.add_argument("images", nargs="+", type=Path, help="JPEG or PNG files")
    parser.add_argument("--rest", default="http://127.0.0.1:8501", metavar="URL", help="default: %(default)s")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="ask by gRPC there instead")
    parser.add_argument("--score", type=float, default=0.5, help="the least that is printed (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        images = [path.read_bytes() for path in given.images]
        ask, address = (ask_grpc, given.grpc) if given.grpc else (ask_rest, given.rest)
        found = ask(address, given.model, images)
    except (OSError, ServingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path, detections in zip(given.images, found, strict=True):
        sure = [one for one in detections if one.score >= given.score]
        print(f"{path}: {len(sure)} found")
        for one in sure:
            box = " ".join(f"{side:.3f}" for side in one.box)
            print(f"  class {one.class_id}  score {one.score:.2f}  ymin xmin ymax xmax {box}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
