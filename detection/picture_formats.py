"""The picture files that are opened."""

from __future__ import annotations

OTHER_FORMATS = ("PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000")
# Pillow's names of formats that hold pixels: it hands PostScript, whatever its name, to another program.
PIXEL_FORMATS = ("JPEG", *OTHER_FORMATS)
