"""How TFX's launcher runs our executors: their code is imported only when a node really runs.

Import this after `pipelines.tfx_import.import_tfx`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tfx.orchestration.portable import (
    base_executor_operator,
    beam_executor_operator,
    python_executor_operator,
)
from tfx.proto.orchestration import executable_spec_pb2

from pipelines.slim_imports import slim_imports

_protos: Any = executable_spec_pb2
_OPERATORS = {
    _protos.PythonClassExecutableSpec: python_executor_operator.PythonExecutorOperator,
    _protos.BeamExecutableSpec: beam_executor_operator.BeamExecutorOperator,
}


class CleanExecutorOperator(base_executor_operator.BaseExecutorOperator):
    """TFX's own operator, made when the node runs, over output directories that are empty.

    TFX's imports the executor's class, and with it TensorFlow, before it asks the cache. And a retry after
    a kill -9 has the same execution and so the same directories, with half of a result in them.
    """

    SUPPORTED_EXECUTOR_SPEC_TYPE = list(_OPERATORS)
    SUPPORTED_PLATFORM_CONFIG_TYPE: list[Any] = []

    def run_executor(self, execution_info: Any) -> Any:
        """Run the executor class named in the plan; returns TFX's ExecutorOutput."""
        for artifacts in execution_info.output_dict.values():
            for artifact in artifacts:
                _empty(Path(artifact.uri))
        slim_imports()
        import components.types  # noqa: F401 (TFX finds artifact classes among those that are imported)

        return _OPERATORS[type(self._executor_spec)](self._executor_spec).run_executor(execution_info)


OPERATORS = dict.fromkeys(_OPERATORS, CleanExecutorOperator)


def _empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
