"""Makes the TF2 half of the Object Detection API importable: its Keras models, under TF2 behaviour.

The imports name packages that no model here needs (tf-models-official is for EfficientDet and the optimizer
of moving averages, tensorflow-io for DeepMAC, OpenCV for pictures of LVIS, TensorFlow's former estimators for
TF1's training loop); stand-ins take their place. Only a process of its own may call `install`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types

from detection.tf1 import compat

# They are imported as modules and asked for a class only by what is not used here.
_ABSENT = (
    "cv2",
    "tensorflow.compat.v1.estimator",
    "tensorflow_io",
    "official",
    "official.legacy",
    "official.legacy.image_classification",
    "official.legacy.image_classification.efficientnet",
    "official.legacy.image_classification.efficientnet.efficientnet_model",
    "official.modeling",
    "official.modeling.optimization",
    "official.modeling.optimization.ema_optimizer",
)


def install() -> None:
    """Make the Keras models of `object_detection` importable, once.

    RuntimeError if the process was not started with TF_USE_LEGACY_KERAS=1: the models are Keras 2's.
    """
    if os.environ.get("TF_USE_LEGACY_KERAS") != "1":
        raise RuntimeError("start the process with TF_USE_LEGACY_KERAS=1")
    if compat.is_hooked():
        return
    compat.hook_imports()
    for name in _ABSENT:
        _stand_in(name)


def _stand_in(name: str) -> None:
    parent, _, leaf = name.rpartition(".")
    if name in sys.modules or importlib.util.find_spec(name) is not None:
        return
    module = types.ModuleType(name)
    module.__path__ = []
    sys.modules[name] = module
    if parent:
        setattr(sys.modules[parent], leaf, module)
