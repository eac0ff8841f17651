"""The splits that a data set states by itself: in a data.yaml, in ImageSets/, or by its parts' names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from components.example_gen import file_systems
from components.example_gen.coco import find_json
from components.example_gen.detect import detect_format
from components.example_gen.image_sets import IMAGE_SETS, image_set_home, is_image_set
from components.example_gen.tfrecord import find_tfrecords
from components.example_gen.tree import Tree, stem
from components.example_gen.voc import ANSWERING, IMAGE_FOLDERS
from components.example_gen.yolo_labels import answering
from components.example_gen.yolo_yaml import YAML_SUFFIXES, find_yaml, read_yaml
from detection.errors import BadInput

NAMES = {
    "train": frozenset(("train", "training")),
    "eval": frozenset(("eval", "val", "valid", "validation", "dev")),
    "test": frozenset(("test", "testing")),
}
BOTH = frozenset(("trainval",))  # train and val together


def stated_splits(path: str, data_format: str) -> dict[str, tuple[str, ...]]:
    """Split -> paths, for a data set that has train and at least one more; else nothing.

    Where there is no other split for evaluation, the one for tests is it, as in the API's tutorials.

    Raises:
      BadInput: a part beside them is of no split, so it would be lost.
    """
    if data_format in ("auto", "yolo") and path.lower().endswith(YAML_SUFFIXES):
        return _of_yaml(path)
    if file_systems.is_file(path) or "*" in path or "?" in path:
        return {}
    tree = Tree.at(path)
    kind = _kind(path) if data_format == "auto" else data_format
    inside = find_yaml(tree) if kind in ("unclear", "yolo") else None
    if inside and (splits := _of_yaml(inside)):
        return splits
    for formats, find in PARTS:
        if kind in ("unclear", *formats) and (splits := _by_name(find(tree), path)):
            return splits
    return {}


def splits_in(name: str) -> set[str]:
    """The splits that the words of a name say: "instances_val2017" says eval."""
    words = _words(name)
    return {split for split, names in NAMES.items() if names & words}


def _kind(path: str) -> str:
    """The format that counts; several CSV in a folder are unclear to everyone but their names."""
    try:
        return detect_format(path)
    except BadInput:
        return "unclear"


def _of_yaml(file: str) -> dict[str, tuple[str, ...]]:
    places = read_yaml(file).places
    splits: dict[str, tuple[str, ...]] = {split: (file,) for split in places}
    if "eval" not in splits and "test" in splits:
        del splits["test"]
        splits["eval"] = tuple(places["test"])
    return _useful(splits)


def _by_name(paths: Iterable[str], root: str) -> dict[str, tuple[str, ...]]:
    """Sorts the paths by the split that their own name says, or else their folder's, below `root`."""
    found: dict[str, list[str]] = {}
    others = []
    for path in paths:
        parts = path.removeprefix(root.rstrip("/")).strip("/").split("/")
        said = next((words for part in reversed(parts[-2:]) if (words := splits_in(part))), set())
        if len(said) == 1:
            found.setdefault(said.pop(), []).append(path)
        else:
            others.append(path)
    if "train" not in found:  # VOC's trainval.txt, where there is no train.txt
        both = [path for path in others if _words(path.split("/")[-1]) & BOTH]
        others = [path for path in others if path not in both]
        found |= {"train": both} if both else {}
    splits = _useful({split: tuple(files) for split, files in found.items()})
    if splits and others:
        raise BadInput(
            f"it isn't clear to which split these belong: {', '.join(others[:3])}",
            root,
            "name data.train and data.eval",
        )
    return splits


def _words(name: str) -> set[str]:
    return set(re.findall("[a-z]+", name.lower()))


def _useful(splits: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    if "eval" not in splits and "test" in splits:
        splits = {("eval" if split == "test" else split): paths for split, paths in splits.items()}
    return splits if {"train", "eval"} <= set(splits) else {}


def _image_sets(tree: Tree) -> list[str]:
    """ImageSets/Main/train.txt and its like, not the lists for one class (dog_train.txt).

    The lists for other tasks (Segmentation/, Layout/) name the same pictures again, divided otherwise.
    """
    every = frozenset.union(BOTH, *NAMES.values())
    lists = [file for file in tree.files if is_image_set(file) and stem(file).lower() in every]
    found: list[str] = []
    for home in dict.fromkeys(map(image_set_home, lists)):
        of_home = [file for file in lists if image_set_home(file) == home]
        for main in ("main", IMAGE_SETS):
            if chosen := [file for file in of_home if file.lower().split("/")[-2] == main]:
                of_home = chosen
                break
        if any("train" in splits_in(file.split("/")[-1]) for file in of_home):
            of_home = [file for file in of_home if stem(file).lower() not in BOTH]
        found += of_home
    return [tree.path(file) for file in sorted(found)]


def _tables(tree: Tree) -> list[str]:
    files = [file for file in tree.with_suffix(".csv") if "/" not in file and splits_in(file)]
    return [tree.path(file) for file in files]


def _folders(tree: Tree) -> list[str]:
    """The folders right below that have images and annotations, and the folder itself if it has images.

    Where all images lie in a folder for images, those below that: images/train beside images/train/*.xml,
    annotations/train or labels/train. Of the others those too that say no split: their images would be lost.
    """
    tops = _tops(tree.images)
    described: set[str] = set()
    if len(tops) == 1 and min(tops).lower() in IMAGE_FOLDERS:
        labels = [*answering(tree.path(min(tops))), *map(tree.path, ANSWERING)]
        for folder in dict.fromkeys(labels):
            described |= _tops(Tree.at(folder).with_suffix(".txt", ".xml"))
        tree = tree.below(min(tops))
        tops = _tops(tree.images)
    described |= _tops(tree.with_suffix(".xml", ".txt", ".json", ".csv"))
    unclear = {top for top in tops if not splits_in(top)}
    return [tree.path(top) for top in sorted(tops & described | unclear)]


def _tops(files: Iterable[str]) -> set[str]:
    """The first folder of each file; "" for one that lies in none."""
    return {file.split("/")[0] if "/" in file else "" for file in files}


# For each way to state splits: the formats that it can be, and what finds its parts.
PARTS: tuple[tuple[tuple[str, ...], Callable[[Tree], list[str]]], ...] = (
    (("voc",), _image_sets),
    (("coco",), find_json),
    (("tfrecord",), find_tfrecords),
    (("voc", "yolo"), _folders),
    (("csv",), _tables),
)
