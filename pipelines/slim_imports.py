"""Import TensorFlow, Keras and Beam without what they take only to be of use to others: 40 % of their import.

Keras imports pandas, scikit-learn (and with it SciPy), Matplotlib and IPython where they are installed, to be
given data frames, to wrap models for scikit-learn, and to draw in notebooks; Beam imports a notebook's
progress bars. No node does any of that, and TFX and the evaluation's packages install them all.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from pipelines.hidden_modules import hidden

_OF_KERAS = frozenset({"IPython", "matplotlib", "pandas", "scipy", "sklearn"})
# What looks absent while a package is imported; it does without each of them.
OPTIONAL = {
    "keras": _OF_KERAS,
    "tensorflow": _OF_KERAS,  # imports Keras
    "apache_beam": frozenset({"IPython", "ipywidgets"}),
}


class _SlimLoader(Loader):
    """A package's own loader, which finds its optional packages absent."""

    def __init__(self, loader: Loader, absent: frozenset[str]) -> None:
        self._loader, self._absent = loader, absent

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # Who asks the package for its files later meets its own loader.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        with hidden(self._absent):
            self._loader.exec_module(module)


class _Slim(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in OPTIONAL:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _SlimLoader(spec.loader, OPTIONAL[fullname])
        return spec


def slim_imports() -> None:
    """From now on these packages are imported slim; without effect on what is imported already.

    Only while one of them is being imported are its optional packages hidden: whoever else needs them, such
    as KerasTuner or TFDV, finds them.
    """
    if not any(isinstance(finder, _Slim) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Slim())
