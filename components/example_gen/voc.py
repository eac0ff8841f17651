"""Reads Pascal VOC: XML files beside their images, or in folders of their own, or as ImageSets list them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from components.example_gen import file_systems
from components.example_gen.records import Finding, ImageRecord
from components.example_gen.tree import Tree, base_name, by_name, plain, stem
from components.example_gen.voc_xml import UNREADABLE, Annotation, parse_annotation

# Folders that only say what lies in them: Annotations/a.xml and JPEGImages/a.jpg are one picture.
XML_FOLDERS = frozenset(("annotations", "annotation", "xmls", "xml", "labels"))
IMAGE_FOLDERS = frozenset(("jpegimages", "images", "image", "imgs", "img"))
IMAGE_SETS = "imagesets"
LOOK_AT = 200  # XML files, to see whether a folder is VOC's


def read_voc(tree: Tree, split: str) -> list[ImageRecord]:
    """Pairs every image of `tree` with its XML, in the order of their names.

    An XML belongs to the image of its own name in the same folder, else in the image folder that answers to
    its own (Annotations/2026/a.xml: JPEGImages/2026/a.jpg), else to the one that its <filename> names.
    Nothing is dropped: an XML without image and an image without XML are records too. Only where images have
    a folder of their own beside the XML files', other pictures there (SegmentationClass/) are no data.
    """
    parsed = {xml: _try_parse(tree, xml) for xml in tree.with_suffix(".xml")}
    images = _images_of_data(tree, list(parsed))
    image_of = _pair(images, parsed)
    records = []
    for xml, parse in parsed.items():
        image = image_of.get(xml)
        name, source, place = image or xml, tree.source(image) if image else None, tree.path(xml)
        if isinstance(parse, Annotation):
            record = ImageRecord(split, name, source, place, parse.boxes, parse.width, parse.height)
        else:
            problem = Finding(name, None, "DATA013", "quarantined", f"{posixpath.basename(xml)}: {parse}")
            record = ImageRecord(split, name, source, place, problem=problem)
        records.append(record)
    unpaired = set(images).difference(image_of.values())
    records += [ImageRecord(split, image, tree.source(image), None) for image in unpaired]
    return sorted(records, key=lambda record: record.name)


def has_annotations(tree: Tree) -> bool:
    """Whether one of a folder's first XML files is an <annotation>; others write XML too."""
    return any(_starts_annotation(tree.path(xml)) for xml in tree.with_suffix(".xml")[:LOOK_AT])


def _starts_annotation(file: str) -> bool:
    with file_systems.open_binary(file) as stream:
        head = stream.read(4096).replace(b"\0", b"")  # UTF-16 has zeros between
    return re.search(rb"<annotation[\s>]", head) is not None


def read_image_set(listed: str, split: str) -> list[ImageRecord]:
    """The records that a file below ImageSets/ names, one in a line.

    VOC's files for one class add a number; -1 means that the picture lacks the class, and it is read all the
    same. A name that has neither picture nor XML is a record too.
    """
    text = file_systems.read_bytes(listed).decode("utf-8-sig", "replace")
    names = dict.fromkeys(_name_in(line) for line in text.splitlines() if line.strip())
    tree = Tree.at(image_set_home(listed))
    wanted = {plain(base_name(name)) for name in names} | {plain(stem(base_name(name))) for name in names}
    chosen = [file for file in tree.files if plain(stem(file)) in wanted]
    records: dict[str, ImageRecord] = {}
    for record in read_voc(Tree(tree.root, tuple(chosen)), split):
        for key in (posixpath.basename(record.name), stem(record.name), stem(record.annotation or "")):
            records.setdefault(plain(key), record)
    found = {}
    for name in names:
        named = base_name(name)
        missing = ImageRecord(split, name, None, listed)
        record = records.get(plain(named)) or records.get(plain(stem(named))) or missing
        found[record.name] = record
    return [found[name] for name in sorted(found)]


def is_image_set(file: str) -> bool:
    """Whether a file is a list below ImageSets/."""
    return file.lower().endswith(".txt") and IMAGE_SETS in file.lower().split("/")


def image_set_home(listed: str) -> str:
    """The folder that a list below ImageSets/ speaks of: the one that holds ImageSets/."""
    parts = listed.split("/")
    at = len(parts) - 1 - [part.lower() for part in reversed(parts)].index(IMAGE_SETS)
    return "/".join(parts[:at]) or "."


def _name_in(line: str) -> str:
    head, _, last = line.strip().rpartition(" ")
    return head.strip() if head and last in ("-1", "0", "1") else line.strip()


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

    def pair_by(key_of_xml: Callable[[str], str], candidates: dict[str, list[str]]) -> None:
        for xml in parsed:
            free = [image for image in candidates.get(key_of_xml(xml), ()) if image not in taken]
            if xml not in image_of and free:
                image_of[xml] = min(free, key=lambda image: _distance(xml, image, written[xml]))
                taken.add(image_of[xml])

    pair_by(lambda xml: posixpath.splitext(xml)[0], _grouped(images, lambda f: posixpath.splitext(f)[0]))
    pair_by(_layout_key, _grouped(images, _layout_key))
    pair_by(lambda xml: plain(written[xml]), by_name(images))
    # tools that convert the pictures leave the old suffix, or none, in <filename>
    pair_by(lambda xml: plain(stem(written[xml])), _grouped(images, lambda f: plain(stem(f))))
    return image_of


def _grouped(files: list[str], key_of: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(key_of(file), []).append(file)
    return groups


def _layout_key(file: str) -> str:
    """The path without suffix and without the folders that only say what lies in them."""
    parts = posixpath.splitext(file)[0].split("/")
    kept = [part for part in parts[:-1] if part.lower() not in XML_FOLDERS | IMAGE_FOLDERS]
    return plain("/".join([*kept, parts[-1]]))


def _distance(xml: str, image: str, filename: str) -> tuple[bool, bool, str]:
    """Less for the better of several images that an XML could belong to."""
    return (
        posixpath.basename(image) != filename,
        posixpath.dirname(_layout_key(image)) != posixpath.dirname(_layout_key(xml)),
        image,
    )
