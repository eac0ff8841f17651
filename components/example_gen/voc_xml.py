"""Parses one Pascal VOC annotation."""

from __future__ import annotations

from xml.etree import ElementTree

from components.example_gen.fields import number_in, size_in
from components.example_gen.records import BoxRecord
from components.example_gen.tree import base_name

# What parse_annotation raises for a file that is no annotation.
UNREADABLE = (ElementTree.ParseError, ValueError, LookupError)


class Annotation:
    """The parts of one <annotation> that matter here."""

    def __init__(self, root: ElementTree.Element) -> None:
        self.filename = base_name(root.findtext("filename") or "")
        self.width = size_in(root.findtext("size/width"))
        self.height = size_in(root.findtext("size/height"))
        # wherever they are: some tools put them into an <objects>
        self.boxes = tuple(_box(node, i) for i, node in enumerate(root.iter("object"), start=1))


def parse_annotation(xml: bytes) -> Annotation:
    """Parses one annotation; coordinates stay as they stand in the file.

    Raises:
      ElementTree.ParseError: it isn't well-formed.
      ValueError: it has a DOCTYPE (where entities are declared), or isn't an <annotation>.
      LookupError: it states an encoding that nobody knows.
    """
    parser = ElementTree.XMLParser(target=_NoDoctype())
    parser.feed(xml)
    root = parser.close()
    if root.tag.startswith("{"):  # a namespace, which says nothing here
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
    if root.tag != "annotation":
        raise ValueError(f"its root is <{root.tag}>, not <annotation>")
    return Annotation(root)


class _NoDoctype(ElementTree.TreeBuilder):
    """Annotations need no DOCTYPE, and without one no entity can be declared, external or explosive."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it declares a DOCTYPE, which isn't read for safety")


def _box(node: ElementTree.Element, index: int) -> BoxRecord:
    xmin, ymin, xmax, ymax = (
        number_in(node.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")
    )
    return BoxRecord(
        f"object {index}",
        (node.findtext("name") or "").strip(),
        xmin,
        ymin,
        xmax,
        ymax,
        difficult=_is_set(node, "difficult"),
        truncated=_is_set(node, "truncated"),
    )


def _is_set(node: ElementTree.Element, flag: str) -> bool:
    return (node.findtext(flag) or "").strip().lower() in ("1", "true")
