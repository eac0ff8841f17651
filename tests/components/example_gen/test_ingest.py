from __future__ import annotations

import json

import pytest

from components.example_gen.ingest import Outputs, ingest
from components.example_gen.records import RULES
from detection.config.label_map import read_label_map
from detection.errors import BadInput, Failed


def outputs(root):
    return Outputs(*(str(root / name) for name in ("examples", "quarantine", "statistics", "schema")))


def run(data, previous="", root=None, **options):
    return ingest(data.options(**options), data.label_map, outputs(root or data.root), previous)


def test_a_data_set_with_every_fault(voc_data, jpeg, xml_of):
    for i in range(4):
        voc_data.add("train", f"good{i}")
    voc_data.add("eval", "good")
    voc_data.add("train", "negative", xml=None)
    voc_data.add("train", "cut", image=jpeg(99)[:800])
    voc_data.add("train", "lost", image=None)
    voc_data.add("train", "bad_xml", xml="<annotation>")
    voc_data.add("train", "resized", xml=xml_of("resized.jpg", [("cat", (20, 40, 100, 120))], (200, 160)))
    voc_data.add("train", "other_size", xml=xml_of("other_size.jpg", [("cat", (1, 1, 9, 9))], (500, 80)))
    voc_data.add("train", "grey", image=jpeg(98, mode="L"))
    voc_data.add(
        "train",
        "boxes",
        [
            ("cat", (-1, 0, 20, 20)),
            ("cat", (0, 0, 400, 20)),
            ("dog", (30, 30, 10, 10)),
            ("dog", (5, 5, 5, 50)),
            ("dgo", (5, 5, 50, 50)),
            ("dog", ("x", 5, 50, 50)),
        ],
    )
    voc_data.add("train", "hopeless", [("bird", (1, 1, 9, 9))])
    statistics = run(voc_data, max_quarantined=0.6)

    assert (statistics.images_read, statistics.images_written, statistics.images_quarantined) == (14, 9, 5)
    assert (statistics.boxes_read, statistics.boxes_written, statistics.boxes_quarantined) == (17, 9, 8)
    lines = (voc_data.root / "quarantine" / "quarantine.jsonl").read_text().splitlines()
    found = {(f["code"], f["file"], f["action"]) for f in map(json.loads, lines)}
    assert found == {
        ("DATA003", "negative.jpg", "kept"),
        ("DATA001", "cut.jpg", "quarantined"),
        ("DATA002", "lost.xml", "quarantined"),
        ("DATA013", "bad_xml.jpg", "quarantined"),
        ("DATA004", "resized.jpg", "rescaled"),
        ("DATA004", "other_size.jpg", "quarantined"),
        ("DATA012", "grey.jpg", "kept"),
        ("DATA006", "boxes.jpg", "clipped"),
        ("DATA007", "boxes.jpg", "quarantined"),
        ("DATA008", "boxes.jpg", "swapped"),
        ("DATA009", "boxes.jpg", "quarantined"),
        ("DATA010", "boxes.jpg", "quarantined"),
        ("DATA014", "boxes.jpg", "quarantined"),
        ("DATA010", "hopeless.jpg", "quarantined"),
        ("DATA015", "hopeless.jpg", "quarantined"),
    }
    first = json.loads(lines[0])
    assert set(first) == {"action", "code", "detail", "file", "object", "rule", "split"}
    assert first["rule"] == RULES[first["code"]]
    stored = json.loads((voc_data.root / "quarantine" / "statistics.json").read_text())
    assert stored == statistics.model_dump()
    assert stored["splits"]["train"]["images_without_boxes"] == 1
    quarantine = voc_data.root / "quarantine"
    assert sorted(p.name for p in quarantine.iterdir()) == [
        "contact_sheets",
        "quarantine.jsonl",
        "report.md",
        "statistics.json",
    ]
    sheets = sorted(p.stem for p in (quarantine / "contact_sheets").iterdir())
    assert sheets == sorted({code for code, _, _ in found} | {"train", "eval"})
    assert all(f"contact_sheets/{name}.jpg" in (quarantine / "report.md").read_text() for name in sheets)
    assert sorted(p.name for p in (voc_data.root / "examples").iterdir()) == ["Split-eval", "Split-train"]


def test_too_much_set_aside(voc_data):
    for i in range(5):
        voc_data.add("train", f"{i}")
    voc_data.add("eval", "e")
    voc_data.add("train", "bad", [("cta", (1, 1, 9, 9))])
    with pytest.raises(BadInput, match="1 of 7 images") as caught:
        run(voc_data)
    assert "DATA010" in str(caught.value) and "did you mean 'cat'?" in str(caught.value)


@pytest.mark.parametrize("output", ["quarantine", "statistics", "schema"])
def test_an_output_that_cannot_be_written_is_no_traceback(voc_data, output):
    for i in range(8):
        voc_data.add("train", f"{i}")
    voc_data.add("eval", "e")
    (voc_data.root / output).write_text("a file where a folder must be")
    with pytest.raises(Failed, match="a file can't be written: (File exists|Not a dir)") as caught:
        run(voc_data)
    assert caught.value.where.startswith(str(voc_data.root / output))
    assert not list((voc_data.root / "examples").glob(".work-*"))


def test_damage_in_both_splits_is_no_leak(voc_data, jpeg):
    for i in range(40):
        voc_data.add("train", f"{i}")
    voc_data.add("eval", "e")
    for split in ("train", "eval"):
        voc_data.add(split, "empty", image=b"")
    assert run(voc_data).images_quarantined == 2


def test_leak_between_the_splits(voc_data, jpeg):
    voc_data.add("train", "a", image=jpeg(1))
    voc_data.add("eval", "b", image=jpeg(1))
    with pytest.raises(BadInput, match="train a.jpg = eval b.jpg"):
        run(voc_data)


def test_drift_from_the_span_before(voc_data, tmp_path):
    for i in range(30):
        voc_data.add("train", f"{i}", [("cat", (10, 10, 30, 30))])
    voc_data.add("eval", "e", [("cat", (10, 10, 30, 30))])
    drift = {"class_frequency": 0.2, "box_size": 0.2}
    assert run(voc_data, root=tmp_path / "one", drift=drift).drift == []  # the first span has none before it
    before = str(tmp_path / "one" / "quarantine")
    assert run(voc_data, before, tmp_path / "two", drift=drift).drift == []
    for i in range(30):
        voc_data.add("train", f"{i}", [("dog", (10, 10, 90, 70))])
    moved = run(voc_data, before, tmp_path / "three", drift=drift)
    assert {(one.what, one.label) for one in moved.drift} == {
        ("class_frequency", "cat"),
        ("class_frequency", "dog"),
        ("box_size", ""),
    }
    report = (tmp_path / "three" / "quarantine" / "report.md").read_text()
    assert "train: cat was 100.0% of the boxes, now 0.0%" in report
    with pytest.raises(BadInput, match="the data moved from the span before"):
        run(voc_data, before, tmp_path / "four", drift={**drift, "action": "stop"})
    assert (tmp_path / "four" / "quarantine" / "statistics.json").exists()  # to look at
    assert run(voc_data, before, tmp_path / "five").drift == []  # nobody asked


def test_three_splits_by_content(voc_data, tmp_path):
    for i in range(40):
        voc_data.add("train", f"{i}")
    statistics = run(voc_data, eval_fraction=0.3, test_fraction=0.3)
    counts = {split: counted.images_written for split, counted in statistics.splits.items()}
    assert sum(counts.values()) == 40 and min(counts.values()) > 3
    files = sorted(p.relative_to(tmp_path / "examples").as_posix() for p in tmp_path.rglob("*.tfrecord"))
    assert files == [f"Split-{split}/examples-00000-of-00001.tfrecord" for split in ("eval", "test", "train")]
    kept = sorted(p.parent.name for p in (tmp_path / "statistics").rglob("FeatureStats.pb"))
    assert kept == ["Split-eval", "Split-test", "Split-train"]
    assert (tmp_path / "schema" / "schema.pbtxt").stat().st_size


def test_real_data_balances(microcontrollers, tmp_path):
    options = {
        "train": microcontrollers / "images" / "train",
        "eval": microcontrollers / "images" / "test",
        "label_map": microcontrollers / "training" / "labelmap.pbtxt",
    }
    statistics = ingest(options, read_label_map(options["label_map"]), outputs(tmp_path))
    assert (statistics.images_written, statistics.boxes_written) == (149, 177)
    assert statistics.splits["train"].boxes_by_class == {
        "Raspberry_Pi_3": 42,
        "Arduino_Nano": 41,
        "ESP8266": 45,
        "Heltec_ESP32_Lora": 42,
    }
    assert (tmp_path / "quarantine" / "quarantine.jsonl").read_text() == ""
