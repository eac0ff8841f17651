"""What a Context R-CNN remembers while it is proved: a drawn memory, and none."""

from __future__ import annotations

import numpy as np

from components.checkpoint_converter.proof_stages import Arrays
from detection.context import FEATURES, SIDE_INPUTS, VALID, ContextShape
from detection.errors import BadInput


def proof_contexts(shape: ContextShape | None, number: int) -> list[Arrays]:
    """The memories that proof image `number`, from 1 on, is seen with; one without anything for no memory.

    The first image's drawn memory is full, the second's half full, and so on. The rows that are not valid
    are drawn, too: they must not be read.
    """
    if shape is None:
        return [{}]
    random = np.random.default_rng(number)
    features = random.normal(size=(1, *shape)).astype(np.float32)
    return [
        {FEATURES: features, VALID: np.array([valid], np.int32)} for valid in (-(-shape.size // number), 0)
    ]


def require_same_memory(model: ContextShape | None, graph: ContextShape | None) -> None:
    """BadInput unless the model and the TF1 graph remember rows of the same length, or nothing both."""
    wanted, found = (shape.length if shape else None for shape in (model, graph))
    if wanted == found:
        return
    raise BadInput(
        "the pipeline.config has "
        + (f"a context_config with context_feature_length {wanted}" if wanted else "no context_config")
        + ", and the TF1 graph reads "
        + (f"context features of length {found}" if found else f"no {' and '.join(SIDE_INPUTS)}"),
        "model.faster_rcnn.context_config",
        "use the pipeline.config that the graph was exported with; a Context R-CNN's graph needs both inputs "
        "under these names",
    )
