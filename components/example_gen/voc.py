"""Reads Pascal VOC: XML files beside their images, or in folders of their own, or as ImageSets list them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Set

from components.example_gen import file_systems
from components.example_gen.records import Finding, ImageRecord
from components.example_gen.tree import Tree, by_name, plain, stem
from components.example_gen.voc_xml import UNREADABLE, Annotation, parse_annotation

# Folders that only say what lies in them: Annotations/a.xml and JPEGImages/a.jpg are one picture.
XML_FOLDERS = frozenset(("annotations", "annotation", "xmls", "xml", "labels"))
IMAGE_FOLDERS = frozenset(("jpegimages", "images", "image", "imgs", "img"))
ANSWERING = (
    "Annotations",
    "annotations",
    "xmls",
    "xml",
    "labels",
)  # what people call the first beside images/
LOOK_AT = 200  # XML files, to see whether a folder is VOC's


def read_voc(tree: Tree, split: str) -> list[ImageRecord]:
    """Pairs every image of `tree` with its XML, in the order of their names.

    An XML belongs to the image of its own name in the same folder, else in the image folder that answers to
    its own (Annotations/2026/a.xml: JPEGImages/2026/a.jpg), else to the one that its <filename> names.
    Nothing is dropped: an XML without image and an image without XML are records too, and so is a second XML
    of an image. Only where images have
    a folder of their own beside the XML files', other pictures there (SegmentationClass/) are no data.
    """
    parsed = {xml: _try_parse(tree, xml) for xml in tree.with_suffix(".xml")}
    images = _images_of_data(tree, list(parsed))
    image_of = _pair(images, parsed)
    xml_of = {layout_key(image): xml for xml, image in image_of.items()}
    records = []
    for xml, parse in parsed.items():
        image = image_of.get(xml)
        name, source, place = image or xml, tree.source(image) if image else None, tree.path(xml)
        if isinstance(parse, Annotation):
            problem = None
            if image is None and (first := xml_of.get(layout_key(xml))) is not None:
                detail = f"{image_of[first]} has another annotation, {first}"
                problem = Finding(name, None, "DATA023", "quarantined", detail)
            size = (parse.width, parse.height)
            record = ImageRecord(split, name, source, place, parse.boxes, *size, problem=problem)
        else:
            problem = Finding(name, None, "DATA013", "quarantined", f"{posixpath.basename(xml)}: {parse}")
            record = ImageRecord(split, name, source, place, problem=problem)
        records.append(record)
    unpaired = set(images).difference(image_of.values())
    records += [ImageRecord(split, image, tree.source(image), None) for image in unpaired]
    return sorted(records, key=lambda record: record.name)


def voc_tree(path: str) -> Tree:
    """The folder; if it has images only, with the XML that answers to it: images/train, annotations/train."""
    tree = Tree.at(path)
    if not tree.images or tree.with_suffix(".xml"):
        return tree
    parts = path.rstrip("/").split("/")
    at = next((i for i in reversed(range(len(parts))) if parts[i].lower() in IMAGE_FOLDERS), None)
    if at is None:
        return tree
    home = "/".join(parts[:at]) or ("/" if path.startswith("/") else ".")
    images = [f"{'/'.join(parts[at:])}/{image}" for image in tree.files]
    for name in ANSWERING:
        folder = "/".join([name, *parts[at + 1 :]])
        if xmls := Tree.at(file_systems.join(home, folder)).with_suffix(".xml"):
            return Tree(home, tuple(sorted([*images, *(f"{folder}/{xml}" for xml in xmls)])))
    return tree


def has_annotations(tree: Tree) -> bool:
    """Whether one of a folder's first XML files is an <annotation>; others write XML too."""
    return any(_starts_annotation(tree.path(xml)) for xml in tree.with_suffix(".xml")[:LOOK_AT])


def _starts_annotation(file: str) -> bool:
    head = file_systems.read_start(file, 4096).replace(b"\0", b"")  # UTF-16 has zeros between
    return re.search(rb"<annotation[\s>]", head) is not None


def _try_parse(tree: Tree, xml: str) -> Annotation | str:
    """The annotation, or why it can't be read."""
    try:
        return parse_annotation(tree.read(xml))
    except (*UNREADABLE, OSError) as error:
        return str(error)


def _images_of_data(tree: Tree, xmls: list[str]) -> list[str]:
    with_xml = {home for xml in xmls if (home := _home(xml, XML_FOLDERS)) is not None}
    with_images = {home for image in tree.images if (home := _home(image, IMAGE_FOLDERS)) is not None}
    homes = with_xml & with_images

    def belongs(image: str) -> bool:
        parts = image.split("/")
        steps = (("/".join(parts[:at]), parts[at]) for at in range(len(parts)))
        return all(part.lower() in IMAGE_FOLDERS for folder, part in steps if folder in homes)

    return [image for image in tree.images if belongs(image)]


def _home(file: str, kinds: frozenset[str]) -> str | None:
    """The folder that holds the first folder of these kinds on the way to a file; None without one."""
    parts = posixpath.dirname(file).split("/")
    at = next((i for i, part in enumerate(parts) if part.lower() in kinds), None)
    return None if at is None else "/".join(parts[:at])


def _pair(images: list[str], parsed: dict[str, Annotation | str]) -> dict[str, str]:
    """XML -> image. Own names come first, so that a wrong <filename> can't take another XML's image."""
    written = {xml: parse.filename if isinstance(parse, Annotation) else "" for xml, parse in parsed.items()}
    image_of: dict[str, str] = {}
    taken: set[str] = set()

    def pair_by(
        key_of_xml: Callable[[str], str], candidates: dict[str, list[str]], homes: Set[str] = frozenset()
    ) -> None:
        for xml in parsed:
            if xml in image_of:
                continue
            free = [image for image in candidates.get(key_of_xml(xml), ()) if image not in taken]
            home = posixpath.dirname(layout_key(xml))
            if home and home in homes:  # its image would be there; one of another year is another picture
                free = [image for image in free if posixpath.dirname(layout_key(image)) == home]
            if free:
                image_of[xml] = min(free, key=lambda image: _distance(xml, image, written[xml]))
                taken.add(image_of[xml])

    pair_by(lambda xml: posixpath.splitext(xml)[0], _grouped(images, lambda f: posixpath.splitext(f)[0]))
    pair_by(layout_key, _grouped(images, layout_key))
    homes = {posixpath.dirname(layout_key(image)) for image in images}
    pair_by(lambda xml: plain(written[xml]), by_name(images), homes)
    # tools that convert the pictures leave the old suffix, or none, in <filename>
    pair_by(lambda xml: plain(stem(written[xml])), _grouped(images, lambda f: plain(stem(f))), homes)
    return image_of


def _grouped(files: list[str], key_of: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(key_of(file), []).append(file)
    return groups


def layout_key(file: str) -> str:
    """The path without suffix and without the folders that only say what lies in them."""
    parts = posixpath.splitext(file)[0].split("/")
    kept = [part for part in parts[:-1] if part.lower() not in XML_FOLDERS | IMAGE_FOLDERS]
    return plain("/".join([*kept, parts[-1]]))


def _distance(xml: str, image: str, filename: str) -> tuple[bool, bool, str]:
    """Less for the better of several images that an XML could belong to."""
    return (
        posixpath.basename(image) != filename,
        posixpath.dirname(layout_key(image)) != posixpath.dirname(layout_key(xml)),
        image,
    )
