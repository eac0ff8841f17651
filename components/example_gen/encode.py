"""One image record -> one tf.train.Example in the Object Detection API's schema, or the reason why not."""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass, field, replace
from typing import Any

from components.example_gen.check import check_boxes
from components.example_gen.content import NOTHING, Content
from components.example_gen.context import check_context, read_context
from components.example_gen.decode import UndecodableImage, decode_image
from components.example_gen.file_systems import is_remote
from components.example_gen.frame import frame_of_boxes
from components.example_gen.od_example import to_example
from components.example_gen.records import Action, DataOptions, Finding, GoodBox, ImageRecord
from components.example_gen.remarks import SetAside
from components.example_gen.sources import ImageSource
from detection.config.label_map import LabelMap
from detection.errors import Failed

# What a file's ending says its format is, in Pillow's names; other endings say nothing.
FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".png": "PNG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
}


@dataclass
class Outcome:
    """What became of one record; `example` is None where the image was set aside."""

    split: str
    name: str
    sha256: str = ""  # of the file as it was read
    boxes_read: int = 0
    findings: list[Finding] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)  # (width, height) of the image as written
    boxes: list[GoodBox] = field(default_factory=list)  # as written
    example: bytes | None = None

    def row(self) -> dict[str, Any]:
        """What the list of findings and the search for leaks need of it."""
        return {
            "split": self.split,
            "name": self.name,
            "sha256": self.sha256,
            "findings": [finding.row() for finding in self.findings],
            "written": self.example is not None,
        }


def examine(
    record: ImageRecord, options: DataOptions, label_map: LabelMap, known: Content = NOTHING
) -> Outcome:
    """Reads, checks and encodes one record; a fault of the data never raises, it becomes a finding.

    Args:
      known: of the image as it was read before; while it stays the same, it isn't hashed again.

    Raises:
      Failed: the image can't be read just now: a disk or a network fails, and another try may help.
    """
    outcome = _examine(record, options, label_map, known)
    if outcome.findings:
        outcome.findings = [_as_unicode(finding) for finding in outcome.findings]
    return outcome


def _examine(record: ImageRecord, options: DataOptions, label_map: LabelMap, known: Content) -> Outcome:
    name = unicode_of(record.name)
    outcome = Outcome(record.split or "train", name, boxes_read=len(record.boxes))
    outcome.findings += record.notes
    if name != record.name:
        detail = "its bytes that aren't UTF-8 are written as \\udc.."
        outcome.findings.append(Finding(name, None, "DATA034", "corrected", detail))

    def report(code: str, action: Action, detail: str) -> None:
        outcome.findings.append(Finding(record.name, None, code, action, detail))

    if record.source is not None:
        try:
            data, context = record.source.read(), read_context(record)
        except OSError as error:
            if not _lasts(error, record.source):
                fix = "run again; nothing is left out for a disk or a network that fails"
                raise Failed(f"an image can't be read: {error}", record.source.path, fix) from error
            report("DATA001", "quarantined", f"it can't be read: {error.strerror or error}")
            return outcome
        outcome.sha256 = known.sha256 if known.is_of(data) else hashlib.sha256(data).hexdigest()
        outcome.split = record.split or split_of(outcome.sha256, options)
    if record.problem is not None:
        outcome.findings.append(record.problem)
    elif record.source is None:
        source = posixpath.basename(record.annotation or "?")
        report("DATA002", "quarantined", f"{source} has {len(record.boxes)} boxes, but its image isn't there")
    elif not record.boxes and not options.negatives:
        report("DATA027", "left out", "data.negatives is false")
    else:
        _examine_image(record, data, context, options, label_map, outcome)
    return outcome


def _examine_image(
    record: ImageRecord,
    data: bytes,
    context: bytes,
    options: DataOptions,
    label_map: LabelMap,
    outcome: Outcome,
) -> None:
    def report(code: str, action: Action, detail: str) -> None:
        outcome.findings.append(Finding(record.name, None, code, action, detail))

    try:
        image = decode_image(data, options.max_side)
    except UndecodableImage as error:
        raw = "; its image/format is raw: pixels without a header" if record.stated_format == "raw" else ""
        report(error.code, "quarantined", f"{error}{raw}")
        return
    for remark in (*image.changes, *_lies(record, image.kind)):
        report(*remark)
    frame, finding = frame_of_boxes(record, image)
    outcome.findings += [finding] if finding else []
    if frame is None:
        return
    boxes, findings = check_boxes(record, frame, label_map, options)
    outcome.findings += findings
    if record.boxes and not boxes:
        # as a negative it would teach that the objects in it are background
        left_out = all(box.crowd for box in record.boxes)
        report("DATA015", "left out" if left_out else "quarantined", f"{len(record.boxes)} annotated")
        return
    try:
        features_of_context = check_context(context)
    except SetAside as reason:
        # without them it would teach that the camera's other images say nothing
        report(reason.remark.code, reason.remark.action, reason.remark.detail)
        return
    if record.annotation is None:
        report("DATA003", "kept", "kept as a picture of no object")
    outcome.size, outcome.boxes = image.size, boxes
    sha256 = outcome.sha256 if image.encoded is data else hashlib.sha256(image.encoded).hexdigest()
    outcome.example = to_example(outcome.name, image, sha256, boxes, options.masks, features_of_context)


def _lasts(error: OSError, source: ImageSource) -> bool:
    """Whether it is the data's fault: no such file, no right to read it, a TFRecord cut short."""
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return True
    return error.errno is None and not is_remote(source.path)


def unicode_of(text: str) -> str:
    """Text that can be written as UTF-8: file names of other encodings and broken JSON hold what can't."""
    return text.encode("utf-8", "backslashreplace").decode()


def _as_unicode(finding: Finding) -> Finding:
    texts = (finding.file, finding.object or "", finding.detail)
    if all(text == unicode_of(text) for text in texts):
        return finding
    file, place, detail = map(unicode_of, texts)
    return replace(finding, file=file, object=place or None, detail=detail)


def _lies(record: ImageRecord, kind: str) -> list[tuple[str, Action, str]]:
    """What a file's ending, or a TFRecord's image/format, says wrongly about the format."""
    found: list[tuple[str, Action, str]] = []
    suffix = posixpath.splitext(record.name)[1].lower()
    if FORMATS.get(suffix, kind) != kind:
        found.append(("DATA016", "kept", f"{suffix}, but it is {kind}; the content counts"))
    stated = record.stated_format
    if stated is not None and FORMATS.get(f".{stated.lower()}") != kind:
        said = f"'{stated}'" if stated else "nothing"
        found.append(("DATA028", "corrected", f"image/format says {said}, it is {kind}"))
    return found


def split_of(sha256: str, options: DataOptions) -> str:
    """The split of an image, from its content alone: data that grows never moves an image across.

    The eval images are taken from one end and the test images from the other, so that a change of one share
    leaves the other split as it is.
    """
    place = int(sha256[:13], 16) / 16**13
    if not options.eval and place < options.eval_fraction:
        return "eval"
    return "test" if not options.test and place >= 1 - options.test_fraction else "train"
