"""Boxes, labels and XML that are wrong, beside images that are fine."""

from __future__ import annotations

from tests.components.example_gen.faulty.case import GOOD, Case, jpeg, voc, voc_xml

DROPPED = (1, 1)  # of an image with a good box and a bad one
BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><annotation>&c;</annotation>'


def _bad(
    name: str, seen: str, code: str, box: tuple, label: str = "dog", action: str = "quarantined", **more
) -> Case:
    """A good box, and one that is set aside."""
    return voc(name, seen, boxes=[GOOD, (label, box)], findings=[(code, action)], written=DROPPED, **more)


def _repaired(name: str, seen: str, code: str, action: str, box: tuple, label: str = "dog", **more) -> Case:
    return voc(name, seen, boxes=[GOOD, (label, box)], findings=[(code, action)], **more)


CASES = [
    _repaired("corners_reversed", "LossTensor is inf or nan", "DATA008", "swapped", (60, 70, 20, 30)),
    _repaired("only_x_reversed", "xmin is greater than xmax", "DATA008", "swapped", (60, 30, 20, 70)),
    _bad("no_width", "a zero-area box: a target of -81", "DATA009", (30, 30, 30, 60)),
    _bad("no_height", "a zero-area box", "DATA009", (30, 30, 60, 30)),
    _bad("all_zeros", "an object without a place", "DATA009", (0, 0, 0, 0)),
    _bad("below_a_pixel", "LossTensor is inf or nan", "DATA018", (30, 30, 30.4, 60)),
    _repaired("one_pixel_outside", "xmax is 101 in an image of 100", "DATA006", "clipped", (50, 20, 101, 60)),
    _repaired(
        "half_a_pixel_outside", "COCO's script throws the box away", "DATA006", "clipped", (50, 20, 100.5, 60)
    ),
    _repaired("minus_one", "maximum box coordinate, xmin is -1", "DATA006", "clipped", (-1, -1, 40, 40)),
    _bad(
        "far_outside",
        "ValueError: maximum box coordinate value is larger than 1.100000",
        "DATA007",
        (50, 20, 180, 60),
    ),
    _bad("far_below_zero", "annotated on a larger canvas", "DATA007", (-40, 20, 30, 60)),
    _bad("beside_the_image", "boxes of another image", "DATA007", (500, 500, 600, 600)),
    _bad("in_shares_where_pixels_are_meant", "all boxes vanish in a corner", "DATA018", (0.1, 0.2, 0.5, 0.6)),
    _bad("no_number", "ValueError: invalid literal", "DATA014", ("x", 20, 50, 60)),
    _bad("not_a_number", "LossTensor is nan", "DATA014", ("nan", 20, 50, 60)),
    _bad("infinite", "LossTensor is inf", "DATA014", (10, 20, "inf", 60)),
    _bad("empty_coordinate", "AttributeError: NoneType has no text", "DATA014", ("", 20, 50, 60)),
    _repaired("whole_image", "a box drawn by Ctrl+A", "DATA019", "kept", (0, 0, 100, 80)),
    _bad("twice", "counted twice in the evaluation", "DATA022", GOOD[1], label="cat"),
    _repaired("two_labels", "one object, two classes", "DATA032", "kept", GOOD[1]),
    voc(
        "no_box_usable",
        "an image of objects becomes a negative",
        boxes=[("cat", (30, 30, 30, 60)), ("bird", (10, 10, 50, 50))],
        findings=[("DATA009", "quarantined"), ("DATA010", "quarantined"), ("DATA015", "quarantined")],
        written=(0, 0),
    ),
    _bad("unknown_label", "KeyError: 'bird'", "DATA010", (20, 20, 60, 60), label="bird"),
    _bad("misspelt_label", "KeyError: 'dgo'", "DATA010", (20, 20, 60, 60), label="dgo"),
    _bad("no_label", "class_text is empty", "DATA010", (20, 20, 60, 60), label=""),
    _bad("case_differs", "KeyError: 'Dog'", "DATA026", (20, 20, 60, 60), label="Dog"),
    _repaired(
        "case_corrected", "KeyError: 'DOG'", "DATA026", "corrected", (20, 20, 60, 60), "DOG", fix_case=True
    ),
    voc("no_object", "KeyError: object", boxes=[]),
    voc(
        "no_object_not_wanted",
        "negatives weigh too much",
        boxes=[],
        findings=[("DATA027", "left out")],
        written=(0, 0),
        negatives=False,
    ),
    voc("no_annotation", "which images are negatives?", xml=None, read=0, findings=[("DATA003", "kept")]),
    voc(
        "no_image", "NotFoundError: a.jpg", image=None, findings=[("DATA002", "quarantined")], written=(0, 0)
    ),
    voc(
        "xml_cut_off",
        "ParseError: no element found",
        xml=voc_xml([GOOD])[:90],
        read=0,
        findings=[("DATA013", "quarantined")],
        written=(0, 0),
    ),
    voc(
        "xml_empty",
        "ParseError: no element found",
        xml=" ",
        read=0,
        findings=[("DATA013", "quarantined")],
        written=(0, 0),
        format="voc",
    ),
    voc(
        "xml_of_something_else",
        "all boxes are missing",
        xml="<html><object/></html>",
        read=0,
        findings=[("DATA013", "quarantined")],
        written=(0, 0),
        format="voc",
    ),
    voc(
        "xml_bomb",
        "memory runs out while parsing",
        xml=BOMB,
        read=0,
        findings=[("DATA013", "quarantined")],
        written=(0, 0),
    ),
    voc(
        "xml_with_a_bare_ampersand",
        "ParseError: not well-formed",
        xml="<annotation><object><name>a&b</name></object></annotation>",
        read=0,
        findings=[("DATA013", "quarantined")],
        written=(0, 0),
    ),
    voc(
        "object_without_a_box",
        "AttributeError: NoneType has no attribute find",
        xml="<annotation><object><name>cat</name></object></annotation>",
        read=1,
        findings=[("DATA014", "quarantined"), ("DATA015", "quarantined")],
        written=(0, 0),
    ),
    voc(
        "masks_wanted_in_pascal_voc",
        "groundtruth has no masks",
        findings=[("DATA015", "quarantined"), ("DATA033", "quarantined")],
        written=(0, 0),
        masks=True,
    ),
    voc(
        "a_tiny_image",
        "an icon among the photos",
        image=jpeg(size=(1, 1)),
        boxes=[("cat", (0, 0, 1, 1))],
        size=(1, 1),
    ),
]
