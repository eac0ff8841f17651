"""Stand-ins for what the OD API's TF1 code imports from tf.contrib, which TensorFlow 2 no longer has."""

from __future__ import annotations

import sys
import types
from typing import Any

_MODULES = (
    "tensorflow.contrib",
    "tensorflow.contrib.training",
    "tensorflow.contrib.image",
    "tensorflow.contrib.image.python",
    "tensorflow.contrib.image.python.ops",
    "tensorflow.contrib.image.python.ops.image_ops",
)


class HParams:
    """Named settings, as NASNet and PNASNet keep theirs (tf.contrib.training.HParams)."""

    def __init__(self, **settings: Any) -> None:
        vars(self).update(settings)

    def set_hparam(self, name: str, value: Any) -> None:
        """Replace a setting. KeyError if there is none of this name."""
        if name not in vars(self):
            raise KeyError(name)
        setattr(self, name, value)

    def values(self) -> dict[str, Any]:
        """The settings by name."""
        return dict(vars(self))


def alias_contrib() -> None:
    """Make the imports of tf.contrib work in this process."""
    for name in _MODULES:
        module = types.ModuleType(name)
        module.__path__ = []
        sys.modules[name] = module
    vars(sys.modules["tensorflow.contrib.training"])["HParams"] = HParams
    vars(sys.modules[_MODULES[-1]])["bipartite_match"] = _no_bipartite_match


def _no_bipartite_match(*args: object, **kwargs: object) -> None:
    raise RuntimeError("bipartite_matcher needs an op of tf.contrib, which TensorFlow 2 does not have")
