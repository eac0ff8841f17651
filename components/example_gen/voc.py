"""Reads Pascal VOC: XML files beside their images, or Annotations/ and JPEGImages/."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from components.example_gen.fields import number_in, size_in
from components.example_gen.images import find_images
from components.example_gen.records import BoxRecord, Finding, ImageRecord

ANNOTATION_FOLDERS = ("annotations", "annotations/xmls", "xmls")
IMAGE_FOLDERS = ("jpegimages", "images")


def read_voc(root: Path, split: str) -> list[ImageRecord]:
    """Pairs every image below `root` with its XML, in the order of their names.

    An XML belongs to the image of its own name in the same folder (or in the image folder of the VOC
    layout), else to the image that its <filename> names. Nothing is dropped: an XML without image and an
    image without XML are records too.
    """
    image_root, xml_root = layout(root)
    images = find_images(image_root)
    parsed = {xml: _try_parse(xml) for xml in find_annotations(xml_root)}
    filenames = {
        xml: parse.filename if isinstance(parse, Annotation) else "" for xml, parse in parsed.items()
    }
    image_of = _pair(images, image_root, filenames, xml_root)
    records = []
    for xml, parse in parsed.items():
        image = image_of.get(xml)
        name = image.relative_to(image_root).as_posix() if image else xml.relative_to(root).as_posix()
        if isinstance(parse, Annotation):
            records.append(ImageRecord(split, name, image, xml, parse.boxes, parse.width, parse.height))
        else:
            problem = Finding(name, None, "DATA013", "quarantined", f"{xml.name}: {parse}")
            records.append(ImageRecord(split, name, image, xml, problem=problem))
    unpaired = set(images).difference(image_of.values())
    records += [ImageRecord(split, f.relative_to(image_root).as_posix(), f, None) for f in unpaired]
    return sorted(records, key=lambda record: record.name)


def _try_parse(xml: Path) -> Annotation | str:
    """The annotation, or why it can't be read."""
    try:
        return parse_annotation(xml.read_bytes())
    except (ElementTree.ParseError, ValueError, LookupError, OSError) as error:
        return str(error)


def _pair(
    images: list[Path], image_root: Path, filenames: dict[Path, str], xml_root: Path
) -> dict[Path, Path]:
    """XML -> image. Own names come first, so that a wrong <filename> can't take another XML's image."""
    by_stem: dict[tuple[Path, str], list[Path]] = {}
    by_name: dict[str, list[Path]] = {}
    for image in images:
        by_stem.setdefault((image.parent.relative_to(image_root), image.stem), []).append(image)
        by_name.setdefault(image.name.lower(), []).append(image)
    image_of: dict[Path, Path] = {}
    taken: set[Path] = set()

    def pair(xml: Path, candidates: list[Path]) -> None:
        free = [image for image in candidates if image not in taken]
        if xml not in image_of and free:
            image_of[xml] = next((image for image in free if image.name == filenames[xml]), free[0])
            taken.add(image_of[xml])

    for xml in filenames:
        pair(xml, by_stem.get((xml.parent.relative_to(xml_root), xml.stem), []))
    for xml, filename in filenames.items():
        pair(xml, by_name.get(filename.lower(), []))
    return image_of


def layout(root: Path) -> tuple[Path, Path]:
    """The folders (images, annotations) below `root`; both are `root` where XML and images lie together."""
    folders = [_subfolder(root, name) for name in ANNOTATION_FOLDERS]
    xml_root = next((folder for folder in folders if folder and any(folder.glob("*.xml"))), None)
    image_root = next((folder for name in IMAGE_FOLDERS if (folder := _subfolder(root, name))), None)
    return (image_root, xml_root) if image_root and xml_root else (root, root)


def find_annotations(root: Path) -> list[Path]:
    """Every XML file below `root`, sorted; hidden files and folders don't count."""
    files = (f for f in root.rglob("*") if f.suffix.lower() == ".xml")
    return sorted(f for f in files if not any(p.startswith(".") for p in f.relative_to(root).parts))


class Annotation:
    """The parts of one <annotation> that matter here."""

    def __init__(self, root: ElementTree.Element) -> None:
        self.filename = Path((root.findtext("filename") or "").strip().replace("\\", "/")).name
        self.width = size_in(root.findtext("size/width"))
        self.height = size_in(root.findtext("size/height"))
        self.boxes = tuple(_box(node, i) for i, node in enumerate(root.findall("object"), start=1))


def parse_annotation(xml: bytes) -> Annotation:
    """Parses one annotation; coordinates stay as they stand in the file.

    Raises:
      ElementTree.ParseError: it isn't well-formed.
      ValueError: it has a DOCTYPE (where entities are declared), or isn't an <annotation>.
    """
    parser = ElementTree.XMLParser(target=_NoDoctype())
    parser.feed(xml)
    root = parser.close()
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
        difficult=(node.findtext("difficult") or "").strip() == "1",
        truncated=(node.findtext("truncated") or "").strip() == "1",
    )


def _subfolder(root: Path, name: str) -> Path | None:
    """The folder of this lower-case name below `root`, however its capitals are written."""
    folder: Path | None = root
    for part in name.split("/"):
        children = sorted(folder.iterdir()) if folder else []
        folder = next((c for c in children if c.is_dir() and c.name.lower() == part), None)
    return folder
