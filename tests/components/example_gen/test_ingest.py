from __future__ import annotations

import json

import pytest

from components.example_gen.ingest import ingest
from components.example_gen.records import RULES
from detection.config.label_map import read_label_map
from detection.errors import BadInput


def run(data, **options):
    return ingest(data.options(**options), data.label_map, data.root / "examples", data.root / "quarantine")


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
        ("DATA012", "grey.jpg", "converted"),
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
    assert sorted(p.name for p in (voc_data.root / "quarantine").iterdir()) == [
        "quarantine.jsonl",
        "statistics.json",
    ]


def test_too_much_set_aside(voc_data):
    for i in range(5):
        voc_data.add("train", f"{i}")
    voc_data.add("eval", "e")
    voc_data.add("train", "bad", [("cta", (1, 1, 9, 9))])
    with pytest.raises(BadInput, match="1 of 7 images") as caught:
        run(voc_data)
    assert "DATA010" in str(caught.value) and "did you mean 'cat'?" in str(caught.value)


def test_leak_between_the_splits(voc_data, jpeg):
    voc_data.add("train", "a", image=jpeg(1))
    voc_data.add("eval", "b", image=jpeg(1))
    with pytest.raises(BadInput, match="train a.jpg = eval b.jpg"):
        run(voc_data)


def test_real_data_balances(microcontrollers, tmp_path):
    options = {
        "train": microcontrollers / "images" / "train",
        "eval": microcontrollers / "images" / "test",
        "label_map": microcontrollers / "training" / "labelmap.pbtxt",
    }
    statistics = ingest(options, read_label_map(options["label_map"]), tmp_path / "e", tmp_path / "q")
    assert (statistics.images_written, statistics.boxes_written) == (149, 177)
    assert statistics.splits["train"].boxes_by_class == {
        "Raspberry_Pi_3": 42,
        "Arduino_Nano": 41,
        "ESP8266": 45,
        "Heltec_ESP32_Lora": 42,
    }
    assert (tmp_path / "q" / "quarantine.jsonl").read_text() == ""
