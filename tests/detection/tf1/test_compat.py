from __future__ import annotations

import pytest

from detection.tf1 import compat


def test_refuses_a_process_with_keras_3(monkeypatch):
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    with pytest.raises(RuntimeError, match="TF_USE_LEGACY_KERAS=1"):
        compat.install()
