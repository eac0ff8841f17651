"""The generated pages are what the code says now."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
spec = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
assert spec and spec.loader
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)


def test_rules_page_is_current() -> None:
    page = (DOCS / "rules.md").read_text(encoding="utf-8")
    assert page == generate.rules_page()
    assert "CFG001" in page and "DATA001" in page


def test_detectors_page_is_current() -> None:
    page = (DOCS / "detectors.md").read_text(encoding="utf-8")
    assert page == generate.detectors_page(page)
    assert "| `max_quarantined` |" in page
