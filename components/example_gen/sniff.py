"""Says what a file is that was meant to be an image and isn't one."""

from __future__ import annotations

# Beginnings of files, in lower case, without white space before; and what to do about each.
_BEGINNINGS = (
    (b"version https://git-lfs", "it is a Git LFS pointer; run `git lfs pull`"),
    (b"<!doctype html", "it is a web page: the download was answered with one"),
    (b"<html", "it is a web page: the download was answered with one"),
    (b"<svg", "it is an SVG drawing; save it as PNG"),
    (b"<?xml", "it is an XML file"),
    (b"<annotation", "it is an XML annotation"),
    (b"%pdf", "it is a PDF; save its pages as PNG"),
    (b"%!ps", "it is PostScript; save it as PNG"),
    (b"pk\x03\x04", "it is a ZIP archive; unpack it"),
    (b"\x1f\x8b", "it is gzipped; unpack it"),
    (b"{", "it is JSON"),
    (b"[", "it is JSON"),
)


def what_it_is(data: bytes) -> str:
    """The reason why `data` isn't an image that can be read, in words for a person."""
    if not data:
        return "the file is empty"
    if not data.strip(b"\0"):
        return "it holds nothing but zeros: its copy failed"
    start = data[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, reason in _BEGINNINGS:
        if start.startswith(beginning):
            return reason
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return "it is HEIC, a phone's format; save it as JPEG"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "it is AVIF; save it as JPEG or PNG"
    if data[4:8] == b"ftyp":
        return "it is a video or a format of that family"
    if data[:2] == b"\xff\xd8":
        return "it begins as a JPEG, but its header can't be read"
    return "no image format is recognised in it"
