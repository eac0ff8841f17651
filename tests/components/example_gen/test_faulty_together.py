"""The faulty inputs through all of ExampleGen: totals, list, threshold; and faults of several images."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from components.example_gen.ingest import Outputs, ingest
from detection.config.label_map import LabelMap, LabelMapItem
from detection.errors import BadInput
from tests.components.example_gen.faulty import images, objects
from tests.components.example_gen.faulty.case import GOOD, jpeg, voc_xml

LABELS = LabelMap((LabelMapItem(1, "cat", "cat"), LabelMapItem(2, "dog", "dog")))


def run(root, **options):
    outputs = Outputs(*(str(root / part) for part in ("examples", "quarantine", "statistics", "schema")))
    data = {"train": str(root / "train"), "label_map": "labels.pbtxt", **options}
    statistics = ingest(data, LABELS, outputs)
    lines = (root / "quarantine" / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    return statistics, [json.loads(line) for line in lines]


def add(folder, stem, image):
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}.jpg").write_bytes(image)
    (folder / f"{stem}.xml").write_text(voc_xml([GOOD]))


def test_all_at_once(tmp_path):
    """Every case of one image, in one folder: what is counted and listed is the sum of the single cases."""
    cases = [case for case in (*images.CASES, *objects.CASES) if set(case.options) <= {"format"}]
    folder = tmp_path / "train"
    folder.mkdir()
    for case in cases:
        case.write(folder, case.name)
    statistics, lines = run(tmp_path, max_quarantined=1.0)
    read = [sum(case.images[0] for case in cases), sum(case.boxes[0] for case in cases)]
    written = [sum(case.images[1] for case in cases), sum(case.boxes[1] for case in cases)]
    assert [statistics.images_read, statistics.boxes_read] == read
    assert [statistics.images_written, statistics.boxes_written] == written
    assert statistics.images_quarantined == read[0] - written[0]
    assert statistics.boxes_quarantined == read[1] - written[1]
    listed: dict[str, set[tuple[str, str]]] = {}
    for line in lines:
        listed.setdefault(line["file"].rsplit(".", 1)[0], set()).add((line["code"], line["action"]))
    for case in cases:
        same_picture = {("DATA024", "kept")}  # some cases share a picture
        assert listed.get(case.name, set()) - same_picture == set(case.findings), case.name
    assert statistics.findings_by_code == Counter(line["code"] for line in lines)


def test_too_many_faults_stop_the_run_with_the_top_reasons(tmp_path):
    for i in range(30):
        add(tmp_path / "train", f"good{i}", jpeg(i))
    for i in range(2):
        add(tmp_path / "train", f"cut{i}", jpeg(100 + i)[:3000])
    with pytest.raises(BadInput, match=r"2 of 32 images can't be used \(6.2%, allowed are 5.0%\)") as caught:
        run(tmp_path)
    assert "DATA001 the image can't be decoded: 2, e.g. cut" in caught.value.what
    statistics, _ = run(tmp_path, max_quarantined=0.1)
    assert (statistics.images_written, statistics.images_quarantined) == (30, 2)


def test_several_images(tmp_path):
    for i in range(8):
        add(tmp_path / "train", f"t{i}", jpeg(i))
        add(tmp_path / "eval", f"e{i}", jpeg(50 + i))
    add(tmp_path / "train", "copy of t0", jpeg(0))
    add(tmp_path / "eval", "copy of t1", jpeg(1))
    options = {"eval": str(tmp_path / "eval")}
    with pytest.raises(BadInput, match="DATA011 the same image in two splits: 1 images") as caught:
        run(tmp_path, **options)
    assert "train t1.jpg = eval copy of t1.jpg" in caught.value.what
    statistics, lines = run(tmp_path, allow_leak=True, **options)
    assert statistics.findings_by_code == {"DATA011": 1, "DATA024": 1} and statistics.images_written == 18
    assert [(line["code"], line["action"], line["split"], line["file"]) for line in lines] == [
        ("DATA011", "kept", "eval", "copy of t1.jpg"),
        ("DATA024", "kept", "train", "t0.jpg"),
    ]


def test_negatives_that_nobody_wants_are_no_fault(tmp_path):
    for i in range(20):
        add(tmp_path / "train", f"good{i}", jpeg(i))
        (tmp_path / "train" / f"bare{i}.jpg").write_bytes(jpeg(100 + i))
    statistics, lines = run(tmp_path, negatives=False)
    assert (statistics.images_read, statistics.images_written, statistics.images_quarantined) == (40, 20, 20)
    assert {(line["code"], line["action"]) for line in lines} == {("DATA027", "left out")}
