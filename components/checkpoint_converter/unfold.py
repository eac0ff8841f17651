"""Gives a folded graph its batch norms back, as ones that change nothing but add the folded offset.

The optimiser left weights W' and an offset b for conv(x, W) and its batch norm. With gamma 1, beta b, mean 0
and variance 1 - epsilon, batch norm by its moving statistics is y + b again: the same function to rounding.
By the statistics of a batch it is another one, so such a model may only be trained with batch norm frozen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from components.checkpoint_converter.sources import TF1Variables
from detection.errors import BadInput
from detection.faster_rcnn import FasterRCNN
from detection.layers import BatchNorm
from detection.tf1.names import tf1_name

_SCOPE = "/BatchNorm"


def with_batch_norms(variables: TF1Variables, model: Any, notes: list[str]) -> TF1Variables:
    """`variables` with the batch norms that `model`, a built detector, wants and an optimiser folded away.

    Unchanged unless something was folded. Adds a note. BadInput if a batch norm is gone without a trace or
    the model trains its batch norms.
    """
    if not variables.folded:
        return variables
    arrays = dict(variables.arrays)
    unfolded = 0
    for layer in model._flatten_layers():
        if not isinstance(layer, BatchNorm):
            continue
        name = tf1_name(layer.moving_variance.path, model.name)
        if name in variables:
            continue
        scope = name.rpartition("/")[0]
        offset = variables.folded.get(scope.removesuffix(_SCOPE)) if scope.endswith(_SCOPE) else None
        if offset is None or offset.shape != tuple(layer.moving_variance.shape):
            raise BadInput(
                f"the batch norm {scope} was folded into a convolution and can't be told from the graph",
                variables.path,
                "give the frozen_inference_graph.pb as export_inference_graph.py wrote it, or the checkpoint",
            )
        if layer.trains:
            setting = "freeze_batchnorm: true in the model and train: false in conv_hyperparams' batch_norm"
            if isinstance(model, FasterRCNN):
                setting = "batch_norm_trainable: false in the feature extractor"
            raise BadInput(
                "batch norms are folded into the convolutions: the model could be served, but training would "
                "normalise by statistics that the graph no longer has",
                variables.path,
                f"set {setting} of the pipeline.config, or give the checkpoint",
            )
        ones = np.ones_like(offset)
        arrays |= {
            f"{scope}/gamma": ones,
            f"{scope}/beta": offset,
            f"{scope}/moving_mean": np.zeros_like(offset),
            f"{scope}/moving_variance": ones - np.float32(layer.epsilon),
        }
        if layer.gamma is None:
            del arrays[f"{scope}/gamma"]
        unfolded += 1
    notes.append(
        f"{unfolded} batch norms were folded into convolutions: each became one that adds the folded offset"
    )
    return replace(variables, arrays=arrays)
