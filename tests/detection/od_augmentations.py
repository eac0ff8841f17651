"""What the OD API's own preprocessor makes of an example; `main` runs in a process of its own, on TF1."""

from __future__ import annotations

import inspect
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
HEIGHT, WIDTH = 12, 16
BOXES = ((0.1, 0.2, 0.6, 0.7), (0.5, 0.05, 0.95, 0.3), (0.7, 0.75, 0.9, 1.0))
CLASSES = (3, 1, 2)
REPEATED = "RepeatedScalarContainer"

Outcome = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # image, boxes, classes, masks


def example() -> Outcome:
    """An image whose every pixel is another, with three objects: a triangle each of its box."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    image = np.stack([20 * rows + 1, 15 * columns + 3, 7 * rows + 9 * columns + 2], axis=-1)
    y, x = (rows + 0.5) / HEIGHT, (columns + 0.5) / WIDTH
    masks = [
        (y > top) & (y < bottom) & (x > left) & ((x - left) / (right - left) < (y - top) / (bottom - top))
        for top, left, bottom, right in BOXES
    ]
    return (
        image.astype(np.float32),
        np.array(BOXES, np.float32),
        np.array(CLASSES, np.int32),
        np.array(masks, np.float32),
    )


def od_outcomes(
    options: dict[str, tuple[str, int]], folder: Path
) -> tuple[dict[str, list[Outcome]], dict[str, dict[str, Any]]]:
    """For each option (its text, and how often it is drawn) what the OD API makes of `example`.

    Beside it the default arguments of each function of its preprocessor.
    """
    asked, answered = folder / "options.pickle", folder / "outcomes.pickle"
    asked.write_bytes(pickle.dumps(options))
    done = subprocess.run(
        [sys.executable, "-m", "tests.detection.od_augmentations", str(asked), str(answered)],
        cwd=ROOT,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return pickle.loads(answered.read_bytes())


def main(asked: Path, answered: Path) -> None:
    """Reads the options, writes their outcomes."""
    from detection.tf1 import compat

    compat.install()
    import tensorflow.compat.v1 as tf
    from google.protobuf import text_format
    from object_detection.builders import preprocessor_builder
    from object_detection.core import preprocessor

    from detection.config import protos
    from detection.config.architectures import AUGMENTATIONS

    outcomes = {}
    for name, (text, draws) in pickle.loads(asked.read_bytes()).items():
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(7)
            function, arguments = preprocessor_builder.build(
                text_format.Parse(text, protos.PreprocessingStep())
            )
            # this TensorFlow takes no repeated field for a tensor
            repeated = {key for key, value in arguments.items() if type(value).__name__ == REPEATED}
            arguments |= {key: list(arguments[key]) for key in repeated}
            image, boxes, classes, masks = (
                tf.placeholder_with_default(a, [None] * a.ndim) for a in example()
            )
            image.set_shape([None, None, 3])
            result = preprocessor.preprocess(
                {
                    "image": image[tf.newaxis],
                    "groundtruth_boxes": tf.ensure_shape(boxes, [None, 4]),
                    "groundtruth_classes": classes,
                    "groundtruth_weights": tf.ones_like(classes, tf.float32),
                    "groundtruth_instance_masks": masks,
                },
                [(function, arguments)],
                preprocessor.get_default_func_arg_map(include_instance_masks=True),
            )
            fetched = [result["image"][0]]
            fetched += [result[f"groundtruth_{name}"] for name in ("boxes", "classes", "instance_masks")]
            outcomes[name] = [tuple(session.run(fetched)) for _ in range(draws)]
    defaults = {
        name: {key: parameter.default for key, parameter in inspect.signature(function).parameters.items()}
        for name, function in inspect.getmembers(preprocessor, inspect.isfunction)
        if name in AUGMENTATIONS
    }
    answered.write_bytes(pickle.dumps((outcomes, defaults)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
