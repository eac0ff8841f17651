"""Which text file is the label of which image: YOLO's ways to lay them out."""

from __future__ import annotations

import itertools
import math
import posixpath
import re
from collections.abc import Callable, Iterable

from components.example_gen import file_systems
from components.example_gen.fields import number_in, text_of
from components.example_gen.tree import Tree, plain

LABEL_FOLDER = "labels"
LOOK_AT = 200  # labels, to see whether a folder is YOLO's
_IMAGES = re.compile(r"(.*/|^)(images|jpegimages)(?=/|$)", re.I)


def label_places(image: str) -> list[str]:
    """Where an image's label can be: in the folder that answers to images/, beside it, in labels/ there."""
    beside = posixpath.splitext(image)[0] + ".txt"
    folder, name = posixpath.split(beside)
    return list(dict.fromkeys([*answering(beside), beside, posixpath.join(folder, LABEL_FOLDER, name)]))


def find_labels(images: Iterable[str], texts_in: Callable[[str], Iterable[str]]) -> dict[str, str]:
    """Image -> its label, for each that has one.

    Where the name isn't the very same, it may differ in case or in the form of accents, if the label is no
    other image's.

    Args:
      texts_in: folder -> the paths of its text files.
    """
    by_place: dict[str, dict[str, list[str]]] = {}  # folder -> plain path -> paths

    def there(place: str) -> list[str]:
        folder = posixpath.dirname(place)
        if folder not in by_place:
            by_place[folder] = {}
            for text in texts_in(folder):
                by_place[folder].setdefault(plain(text), []).append(text)
        return by_place[folder].get(plain(place), [])

    found: dict[str, str] = {}
    left = []
    for image in images:
        label = next((place for place in label_places(image) if place in there(place)), None)
        if label is None:
            left.append(image)
        else:
            found[image] = label
    used = set(found.values())
    for image in left:
        alike = [text for place in label_places(image) for text in there(place) if text not in used]
        if len(alike) == 1:
            found[image] = alike[0]
            used.add(alike[0])
    return found


def has_labels(tree: Tree) -> bool:
    """Whether one of the first images of a folder has a text file that reads as YOLO's."""
    return any(map(reads_as_label, texts_of_images(tree).values()))


def texts_of_images(tree: Tree) -> dict[str, str]:
    """The text files where the labels of a folder's first images would be: path -> content."""
    beside = (Tree.at(place) for place in answering(tree.root) if tree.images)
    texts: dict[str, list[str]] = {}
    for text in (t.path(file) for t in (tree, *beside) for file in t.with_suffix(".txt")):
        texts.setdefault(posixpath.dirname(text), []).append(text)
    labels = find_labels(map(tree.path, tree.images), lambda folder: texts.get(folder, ()))
    return {file: read_text(file) for file in itertools.islice(labels.values(), LOOK_AT)}


def reads_as_label(text: str) -> bool:
    """Whether a line has a class index and at least four numbers."""
    return any(_is_object(line.split()) for line in text.splitlines())


def read_text(file: str) -> str:
    """A text file's content; what can't be decoded is replaced."""
    return text_of(file_systems.read_bytes(file), "replace")


def _is_object(words: list[str]) -> bool:
    numbers = [number_in(word) for word in words]
    return len(numbers) >= 5 and numbers[0].is_integer() and not any(map(math.isnan, numbers))


def answering(path: str) -> list[str]:
    """The path in labels/ for one in images/, a file's or a folder's; in Labels/ for Images/ too."""
    match = _IMAGES.match(path)
    if match is None:
        return []
    rest, word = path[match.end() :], match[2]
    names = [LABEL_FOLDER, *([LABEL_FOLDER.title()] if word[0].isupper() else [])]
    names += [LABEL_FOLDER.upper()] if word.isupper() else []
    return [f"{match[1]}{name}{rest}" for name in names]
