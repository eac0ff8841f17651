"""TF1 detectors of any pipeline.config: built by the OD API's TF1 code, with random weights.

The graph is built in a child process, because that code switches its process to TF1 behaviour. Its values
make a useful test: kernels keep the scale of the activations, batch norm's statistics are near those of a
picture (and not 0 and 1), and the predictors' outputs are spread out, so that there are detections.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detection.context import FEATURES, VALID
from tests.parity.child import run_child
from tests.parity.initial_value import initial_value

PREDICTORS = ("ClassPredictor", "BoxEncodingPredictor", "BoxPredictor")
# R-FCN's predictions are what pooling leaves of these layers' outputs
POOLED = {
    "refined_locations": "refined_box_encodings",
    "class_predictions": "class_predictions_with_background",
}
LIKELY_SCORE = 0.3


@dataclass(frozen=True)
class TF1Detector:
    """The files of one model."""

    config: Path
    checkpoint: Path
    frozen_graph: Path


def write_detector(config: str, folder: Path, seed: int = 1) -> TF1Detector:
    """Build the detector of a TrainEvalPipelineConfig text in `folder`: checkpoint and frozen graph."""
    detector = TF1Detector(
        folder / "pipeline.config", folder / "model.ckpt", folder / "frozen_inference_graph.pb"
    )
    folder.mkdir(parents=True, exist_ok=True)
    detector.config.write_text(config)
    run_child("od_api", str(folder), str(seed))
    return detector


def _memory(graph: Any, random: np.random.Generator) -> dict[str, np.ndarray]:
    """A full memory for a Context R-CNN, by the tensor to feed."""
    sizes = [op.outputs[0].shape.as_list() for op in graph.get_operations() if op.name == FEATURES]
    return {f"{FEATURES}:0": random.normal(size=size) for size in sizes} | {
        f"{VALID}:0": np.array([size[1]]) for size in sizes
    }


class _Calibration:
    """Sets variables by what the graph computes from one picture."""

    def __init__(self, session: Any, image: np.ndarray, random: np.random.Generator) -> None:
        import tensorflow.compat.v1 as tf

        self._session, self._random = session, random
        self._feed = {"image_tensor:0": image} | _memory(session.graph, random)
        self._variables = {variable.op.name: variable for variable in tf.global_variables()}
        self._operations = session.graph.get_operations()

    def _variable(self, tensor: Any) -> str:
        return tensor.op.name.removesuffix("/read").removesuffix("/ReadVariableOp")

    def _get(self, name: str) -> np.ndarray:
        return self._session.run(self._variables[name])

    def _set(self, name: str, value: np.ndarray) -> None:
        self._variables[name].load(value.astype(np.float32), self._session)

    def batch_norms(self) -> None:
        """Statistics near those of the picture, layer by layer, as each layer's depend on those before it."""
        for operation in self._operations:
            if not operation.type.startswith("FusedBatchNorm"):
                continue
            mean_name, variance_name = map(self._variable, operation.inputs[3:5])
            values = self._session.run(operation.inputs[0], self._feed)
            values = values.reshape(-1, values.shape[-1])
            variance = 0.7 * values.var(0) + 0.3 * values.var() + 1e-3
            mean = values.mean(0) if len(values) > 1 else np.zeros_like(variance)
            mean = mean + self._random.normal(0, 0.3, variance.shape) * np.sqrt(variance)
            self._set(mean_name, mean)
            self._set(variance_name, variance * self._random.uniform(0.6, 1.6, variance.shape))

    def predictors(self) -> None:
        """Outputs of the prediction convolutions with deviation 1, and scores of which few are likely."""
        from detection.tf1.two_stage_graph import find_two_stage_tensors

        two_stage = find_two_stage_tensors(self._session.graph.as_graph_def())
        for operation in self._operations:
            if operation.type not in ("Conv2D", "MatMul"):
                continue
            kernel = self._variable(operation.inputs[1])
            bias = f"{kernel.rsplit('/', 1)[0]}/biases"
            layer = kernel.split("/")[-2]
            if bias not in self._variables or layer not in (*PREDICTORS, *POOLED):
                continue
            output = operation.outputs[0]
            if layer in POOLED and two_stage is not None:
                output = two_stage.by_name()[POOLED[layer]]
            values = self._session.run(output, self._feed)
            scale = 1 / max(float(values.std()), 1e-6)
            self._set(kernel, self._get(kernel) * scale)
            self._set(bias, self._random.normal(0, 0.3, self._get(bias).shape) - scale * values.mean())
        self._move_scores()

    def _move_scores(self, candidates: int = 30) -> None:
        from detection.tf1.graph_structure import find_raw_tensors

        raw = find_raw_tensors(self._session.graph.as_graph_def())
        if raw is None:
            return
        logits = self._session.run(raw.class_predictions_with_background, self._feed)
        least = np.sort(logits[..., 1:].ravel())[-candidates]
        for name in self._variables:
            if name.endswith("ClassPredictor/biases"):
                self._set(name, self._get(name) + np.log(LIKELY_SCORE / (1 - LIKELY_SCORE)) - least)


def _write(folder: Path, seed: int) -> None:
    from detection.tf1 import compat

    compat.install()
    import tensorflow.compat.v1 as tf

    from components.checkpoint_converter.proof_images import proof_images
    from detection.config.pipeline_config import read_pipeline_config
    from detection.tf1.oracle import build_graph, write_frozen

    random = np.random.default_rng(seed)
    config = tf.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True  # a rewrite for each layer's run
    with tf.Graph().as_default() as graph, tf.Session(graph=graph, config=config) as session:
        build_graph(read_pipeline_config(folder / "pipeline.config"))
        for variable in tf.global_variables():
            shape = variable.shape.as_list()
            variable.load(initial_value(variable.op.name, shape, random).astype(np.float32), session)
        calibration = _Calibration(session, proof_images([])[0][0][None], random)
        calibration.batch_norms()
        calibration.predictors()
        tf.train.Saver().save(session, str(folder / "model.ckpt"), write_meta_graph=False)
        write_frozen(session, folder / "frozen_inference_graph.pb")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    _write(arguments.folder, arguments.seed)
