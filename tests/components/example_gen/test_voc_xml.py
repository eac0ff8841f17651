from __future__ import annotations

import math
import time

import pytest

from components.example_gen.voc_xml import parse_annotation


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_external_entity_is_read(tmp_path, encoding):
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    xml = (
        f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]>'
        "<annotation><filename>&x;</filename></annotation>"
    )
    with pytest.raises(ValueError, match="DOCTYPE"):
        parse_annotation(xml.encode(encoding))


def test_an_entity_bomb_does_not_go_off():
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "boom">{entities}]><annotation><filename>&e11;</filename></annotation>'
    start = time.monotonic()
    with pytest.raises(ValueError, match="DOCTYPE"):
        parse_annotation(bomb.encode())
    assert time.monotonic() - start < 1


def test_coordinates_that_are_no_numbers_become_nan():
    annotation = parse_annotation(
        b"<annotation><object><name> cat </name><difficult>True</difficult><truncated>0</truncated><bndbox>"
        b"<xmin>1.5</xmin><ymin>two</ymin><xmax/></bndbox></object></annotation>"
    )
    (box,) = annotation.boxes
    assert (box.label, box.xmin, box.difficult, box.truncated) == ("cat", 1.5, True, False)
    assert all(map(math.isnan, (box.ymin, box.xmax, box.ymax)))
    assert (annotation.width, annotation.height) == (0, 0)


@pytest.mark.parametrize(
    "change", [("<annotation>", '<annotation xmlns="http://x/y">'), ("<object>", "<objects><object>")]
)
def test_objects_count_wherever_they_are(change):
    text = "<annotation><object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"
    text = text.replace(*change)
    if "objects" in text:
        text = text.replace("</object>", "</object></objects>")
    (box,) = parse_annotation(text.encode()).boxes
    assert (box.place, box.label, box.xmin) == ("object 1", "cat", 1)
