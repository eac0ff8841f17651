from __future__ import annotations

import pytest

from detection.tf1 import keras_compat


def test_refuses_a_process_with_keras_3(monkeypatch):
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    monkeypatch.setattr(keras_compat.compat, "is_hooked", lambda: False)
    with pytest.raises(RuntimeError, match="TF_USE_LEGACY_KERAS=1"):
        keras_compat.install()
