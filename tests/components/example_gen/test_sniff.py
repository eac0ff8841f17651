from __future__ import annotations

import pytest

from components.example_gen.sniff import what_it_is


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty"),
        (bytes(5000), "nothing but zeros"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><title>404</title>", "web page"),
        (b"\xef\xbb\xbf<HTML>", "web page"),
        (b"<svg xmlns='x'/>", "SVG"),
        (b"<?xml version='1.0'?><annotation/>", "XML"),
        (b"<annotation/>", "XML annotation"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"PK\x03\x04 images", "ZIP"),
        (b"\x1f\x8b\x08 image", "gzipped"),
        (b'{"error": "quota"}', "JSON"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypmp42", "video"),
        (b"\xff\xd8 but then", "begins as a JPEG"),
        (b"once upon a time", "no image format"),
    ],
)
def test_says_what_it_is(data, reason):
    assert reason in what_it_is(data)
