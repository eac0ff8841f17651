"""Import TFX's launcher and compiler without TensorFlow: 0.3 s in place of 7 to 10 s.

Every node runs in a process of its own, and a node whose result is in the cache needs no TensorFlow. TFX
supports an installation without it (the package ml-pipelines-sdk): where TensorFlow, Beam or tfx.components
are absent it takes its local file system and leaves its own components out. So they are made to look absent
while TFX's orchestration is imported, and are back for the executors afterwards. Artifacts are therefore
directories of the local (or mounted) file system.
"""

from __future__ import annotations

import importlib
import warnings

from pipelines.hidden_modules import hidden

_HIDDEN = frozenset({"tensorflow", "apache_beam", "tfx.components", "tensorflow_model_analysis"})
_MODULES = (
    "tfx.orchestration.portable.launcher",
    "tfx.dsl.compiler.compiler",
    "tfx.dsl.components.base.base_beam_component",
    "tfx.dsl.components.base.executor_spec",
    "tfx.orchestration.pipeline",
    "tfx.types.standard_artifacts",
)


def import_tfx() -> None:
    """Import the parts of TFX that pipelines use; without effect where TensorFlow is imported already."""
    warnings.filterwarnings("ignore", message=r"label\(\) is deprecated")  # TFX with protobuf 6
    with hidden(_HIDDEN):
        for name in _MODULES:
            importlib.import_module(name)
    from absl import logging

    logging.set_verbosity(logging.FATAL)  # errors are printed once, by the process that ends with them
