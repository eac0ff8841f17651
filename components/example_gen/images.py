"""Which files are images."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"))


def find_images(root: Path) -> list[Path]:
    """Every image file below `root`, sorted; hidden files and folders (`._x.jpg`) don't count."""
    files = (f for f in root.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
    return sorted(f for f in files if not any(p.startswith(".") for p in f.relative_to(root).parts))
