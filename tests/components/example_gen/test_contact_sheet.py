from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from components.example_gen import contact_sheet
from components.example_gen.contact_sheet import _CAPTION_PX, TILE_PX, write_sheets
from components.example_gen.records import BoxRecord, GoodBox, ImageRecord
from components.example_gen.shard_report import Offender, Sample, ShardReport
from components.example_gen.sources import FileSource

WIDTH, HEIGHT = 300, 200


def grey(path, orientation=None, size=(WIDTH, HEIGHT)):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", size, (120, 120, 120)).save(buffer, "PNG", exif=exif)
    path.write_bytes(buffer.getvalue())
    return FileSource(str(path))


def outline(sheet):
    """(left, top, right, bottom) of what is coloured, in shares of a picture of 300x200 in its tile."""
    pixels = np.asarray(Image.open(sheet).convert("RGB"), int)[: TILE_PX[1], : TILE_PX[0]]
    rows, columns = np.nonzero(pixels.max(axis=2) - pixels.min(axis=2) > 60)
    width = TILE_PX[0] - 4
    height = width * HEIGHT / WIDTH
    return [columns.min() / width, rows.min() / height, columns.max() / width, rows.max() / height]


def offender(record, detail="why", count=1):
    return Offender(count, "s", record, detail)


def test_boxes_are_drawn_where_they_are(tmp_path):
    source = grey(tmp_path / "a.png")
    good = GoodBox(0.25, 0.1, 0.75, 0.9, "", 1, False, False)
    annotated = BoxRecord("object 1", "", 30, 50, 270, 150)
    record = ImageRecord("train", "a.png", source, None, (annotated,), WIDTH, HEIGHT)
    shares = ImageRecord(
        "train", "a.png", source, None, (BoxRecord("line 1", "", 0.1, 0.25, 0.9, 0.75),), shares=True
    )
    report = ShardReport("train", samples=[Sample("s", record, (good,))])
    report.offenders = {"DATA006": [offender(record)], "DATA018": [offender(shares)]}
    sheets = write_sheets({"train": report, "eval": ShardReport("eval")}, str(tmp_path / "sheets"))
    assert [sheet.file for sheet in sheets] == [
        f"sheets/{name}.jpg" for name in ("train", "DATA006", "DATA018")
    ]
    for sheet in sheets:
        assert outline(tmp_path / sheet.file) == pytest.approx([0.1, 0.25, 0.9, 0.75], abs=0.03)


def test_a_turned_picture_is_shown_as_it_was_annotated(tmp_path):
    """Orientation 6: stored 200x300, upright 300x200."""
    source = grey(tmp_path / "a.png", orientation=6, size=(HEIGHT, WIDTH))
    box = BoxRecord("object 1", "", 30, 50, 270, 150)
    upright = ImageRecord("train", "a.png", source, None, (box,), WIDTH, HEIGHT)
    report = ShardReport("train", offenders={"DATA005": [offender(upright)]})
    (sheet,) = write_sheets({"train": report}, str(tmp_path / "sheets"))
    assert outline(tmp_path / sheet.file) == pytest.approx([0.1, 0.25, 0.9, 0.75], abs=0.03)


def test_a_large_jpeg_is_decoded_as_far_as_a_tile_needs(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (2000, 3000), (120, 120, 120)).save(tmp_path / "a.jpg", exif=exif)
    box = BoxRecord("object 1", "", 300, 500, 2700, 1500)  # upright, no size is stated
    record = ImageRecord("train", "a.jpg", FileSource(str(tmp_path / "a.jpg")), None, (box,))
    opened, real = [], contact_sheet._open
    monkeypatch.setattr(contact_sheet, "_open", lambda record: opened.append(real(record)) or opened[-1])
    (sheet,) = write_sheets(
        {"train": ShardReport("train", offenders={"DATA005": [offender(record)]})}, str(tmp_path / "sheets")
    )
    assert [(picture.size, size) for picture, size in opened] == [((1000, 1500), (2000, 3000))]
    assert outline(tmp_path / sheet.file) == pytest.approx([0.1, 0.25, 0.9, 0.75], abs=0.03)


def test_a_picture_too_large_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(contact_sheet, "DECODE_LIMIT", 100)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda _: pytest.fail("it was decoded"))
    record = ImageRecord("train", "a.png", grey(tmp_path / "a.png"), None)
    with pytest.raises(OSError, match="too large to be shown"):
        contact_sheet._open(record)


def test_postscript_is_never_handed_to_an_interpreter(tmp_path, monkeypatch):
    """Pillow would run it, whatever the file's name; what was set aside is shown too."""
    run = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *given, **more: run.append(given))
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", "EPS")
    record = ImageRecord("train", "a.jpg", FileSource(str(tmp_path / "a.jpg")), None)
    report = ShardReport("train", offenders={"DATA001": [offender(record)]})
    assert len(write_sheets({"train": report}, str(tmp_path / "sheets"))) == 1 and not run


def test_what_cannot_be_shown_leaves_a_tile(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8nothing")
    records = [
        ImageRecord("train", "cut.jpg", FileSource(str(tmp_path / "cut.jpg")), None),
        ImageRecord("train", "gone.jpg", FileSource(str(tmp_path / "gone.jpg")), None),
        ImageRecord("train", "lost.xml", None, "lost.xml", (BoxRecord("o", "cat", float("nan"), 1, 2, 3),)),
        ImageRecord("train", "n\udce9.jpg", None, None),  # a name that isn't Unicode
        ImageRecord(
            "train", "a.png", grey(tmp_path / "a.png"), None, (BoxRecord("o", "", 1, 1, float("nan"), 3),)
        ),
    ]
    report = ShardReport("train", offenders={"DATA001": [offender(record) for record in records]})
    (sheet,) = write_sheets({"train": report}, str(tmp_path / "sheets"))
    with Image.open(tmp_path / sheet.file) as picture:
        assert picture.size == (3 * TILE_PX[0], 2 * (TILE_PX[1] + _CAPTION_PX))


def test_the_worst_of_all_splits_come_first(tmp_path):
    def found(split, count):
        record = ImageRecord(split, f"{split}{count}", None, None)
        return Offender(count, f"{count:04d}", record, "why")

    reports = {
        split: ShardReport(split, offenders={"DATA007": [found(split, count) for count in counts]})
        for split, counts in (("train", (9, 5, 4, 2)), ("eval", (7, 1, 1)))
    }
    (sheet,) = write_sheets(reports, str(tmp_path))
    assert sheet.about.startswith("DATA007 ")
    with Image.open(tmp_path / "DATA007.jpg") as picture:
        assert picture.size[1] == 2 * (TILE_PX[1] + _CAPTION_PX)  # six of the seven
