"""TensorFlow Serving's Predict over REST and gRPC for SavedModels, as its API documents it.

REST: a list of `instances` becomes a batch of the signature's only input, `{"b64": ...}` is a string. The
answer has an object with all outputs for each row of the batch; an error is `{"error": ...}` with 400 or 404.
gRPC: tensors, of the outputs that are asked for, and the version that answered.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

STATUS = {grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.NOT_FOUND: 404}


class Refused(Exception):
    """An error with its gRPC code."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class FakeServing:
    """Where it listens, and how many requests it answered."""

    rest: str
    grpc: str
    answered: int = 0


class Served:
    """The models by name, each of the one version below its folder, as `live` has it."""

    def __init__(self, bases: dict[str, Path]) -> None:
        self._loaded = {}
        for name, base in bases.items():
            (version,) = (entry for entry in base.iterdir() if entry.name.isdigit())
            self._loaded[name] = (int(version.name), tf.saved_model.load(str(version)))

    def predict(
        self, model: str, signature: str, inputs: dict[str, Any]
    ) -> tuple[int, dict[str, np.ndarray]]:
        """The version that answers, and its outputs."""
        if model not in self._loaded:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({model})")
        version, loaded = self._loaded[model]
        run = loaded.signatures.get(signature or "serving_default")
        if run is None:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f'Serving signature key "{signature}" not found.')
        wanted = run.structured_input_signature[1]
        if set(inputs) != set(wanted):
            message = f"input keys {sorted(inputs)} are not those of the signature: {sorted(wanted)}"
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, message)
        try:
            given = {name: tf.constant(value, wanted[name].dtype) for name, value in inputs.items()}
            return version, {name: value.numpy() for name, value in run(**given).items()}
        except (tf.errors.InvalidArgumentError, TypeError, ValueError) as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None

    def predict_rows(self, model: str, signature: str, rows: list[Any]) -> dict[str, np.ndarray]:
        """The outputs for a batch of what the signature's only input takes."""
        if model not in self._loaded:
            return self.predict(model, signature, {})[1]
        (name,) = self._loaded[model][1].signatures[signature].structured_input_signature[1]
        return self.predict(model, signature, {name: rows})[1]


def rest_answer(served: Served, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a POST."""
    model, _, verb = path.removeprefix("/v1/models/").partition(":")
    if not path.startswith("/v1/models/") or verb != "predict":
        return 404, {"error": f"Malformed request: POST {path}"}
    try:
        request = json.loads(body)
        rows = [_plain(one) for one in request["instances"]]
        outputs = served.predict_rows(model, request.get("signature_name", "serving_default"), rows)
    except Refused as error:
        return STATUS[error.code], {"error": str(error)}
    sizes = {len(value) for value in outputs.values()}
    if sizes != {len(rows)}:
        return 400, {"error": f"outputs have other batch sizes than the {len(rows)} instances: {sizes}"}
    columns = {name: value.tolist() for name, value in outputs.items()}
    return 200, {
        "predictions": [{n: column[row] for n, column in columns.items()} for row in range(len(rows))]
    }


def _plain(value: Any) -> Any:
    return base64.b64decode(value["b64"], validate=True) if isinstance(value, dict) else value


@contextlib.contextmanager
def fake_serving(bases: dict[str, Path]) -> Iterator[FakeServing]:
    """A server on loopback while the block runs; `bases` are the models' base paths by name."""
    served = Served(bases)

    class Rest(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = rest_answer(served, self.path, body)
            server.answered += 1
            content = json.dumps(answer, indent=4).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Grpc(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
            spec = request.model_spec
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            server.answered += 1
            try:
                version, outputs = served.predict(spec.name, spec.signature_name, inputs)
            except Refused as error:
                context.abort(error.code, str(error))
            answer = predict_pb2.PredictResponse()
            answer.model_spec.name, answer.model_spec.version.value = spec.name, version
            for name in request.output_filter or outputs:
                answer.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
            return answer

    http = ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    rpc = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Grpc(), rpc)
    port = rpc.add_insecure_port("127.0.0.1:0")
    server = FakeServing(f"http://127.0.0.1:{http.server_port}", f"127.0.0.1:{port}")
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    rpc.start()
    try:
        yield server
    finally:
        rpc.stop(None).wait()
        http.shutdown()
        http.server_close()
        thread.join()
