"""How long a test may take."""

from __future__ import annotations

import pytest

SLOW_TIMEOUT = 3000  # seconds, on a machine that has other work too; pyproject.toml's is for the others


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A slow test without a limit of its own gets SLOW_TIMEOUT."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT))
