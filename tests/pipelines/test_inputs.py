"""What a spec names, found on disk: checkpoints in packages, spans, missing data, proof photographs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from detection.errors import BadInput
from pipelines.fingerprint import is_unchanged
from pipelines.inputs import checkpoint_path, resolve_inputs, with_span
from pipelines.spec import DataSpec, DetectorSpec


def test_every_content_of_a_detector(detector: Path) -> None:
    inputs = resolve_inputs(DetectorSpec.from_file(detector))
    assert {role: content.files for role, content in inputs.contents.items()} == {
        "checkpoint": 2,
        "pipeline_config": 1,
        "original_config": 1,  # the configuration beside the checkpoint
        "train": 12,
        "label_map": 1,
    }
    assert inputs.checkpoint == str(detector.parent / "model.ckpt")
    assert [Path(path).name for path in inputs.proof_images] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]


def test_the_files_of_an_evaluation_are_contents_too(detector: Path) -> None:
    folder = detector.parent
    (folder / "tf1.pbtxt").write_text("item { id: 1 name: 'cat' }")
    for name in ("a.record", "b.record", "weather.csv"):
        (folder / name).write_text("filename,weather\n0.jpg,rain\n")
    text = detector.read_text().replace("model.ckpt\n", "model.ckpt\n  label_map: tf1.pbtxt\n", 1)
    detector.write_text(
        text + "evaluate:\n  old_eval: [a.record, b.record]\n"
        "  slices: [{by: csv, csv: weather.csv, column: weather}, {by: folder}]\n"
    )
    contents = resolve_inputs(DetectorSpec.from_file(detector)).contents
    assert (contents["old_eval"].files, contents["slices"].files) == (2, 1)
    (folder / "b.record").write_text("edited")
    again = resolve_inputs(DetectorSpec.from_file(detector)).contents
    assert again["old_eval"].sha256 != contents["old_eval"].sha256
    assert not is_unchanged(contents["old_eval"]) and is_unchanged(contents["slices"])
    (folder / "weather.csv").unlink()
    with pytest.raises(BadInput, match="`evaluate.slices` does not exist"):
        resolve_inputs(DetectorSpec.from_file(detector))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("evaluate: {slices: [{by: csv, csv: weather.csv, column: time}]}\ngate:", "no column `time`"),
        ("evaluate: {slices: [{by: csv, csv: label_map.pbtxt, column: a}]}\ngate:", "no column `filename`"),
        ("gate:\n  class_floors: {Cat: 0.5}", "a floor for Cat, which the label map lacks"),
        ("gate:\n  old_classes_drop: 0.1", "the data has none of the TF1 model's classes"),
        ("evaluate: {old_eval: weather.csv}\ngate:", "the data has none of the TF1 model's classes"),
    ],
)
def test_what_an_evaluation_could_not_use_is_named_before_the_training(
    detector: Path, section: str, said: str
) -> None:
    (detector.parent / "weather.csv").write_text("filename,weather\n0.jpg,rain\n")
    (detector.parent / "tf1.pbtxt").write_text("item { id: 1 name: 'zebra' }")
    text = detector.read_text().replace("model.ckpt\n", "model.ckpt\n  label_map: tf1.pbtxt\n", 1)
    detector.write_text(text.replace("gate:\n  floor: 0.0\n", f"{section}\n  floor: 0.0\n"))
    with pytest.raises(BadInput, match=said):
        resolve_inputs(DetectorSpec.from_file(detector))


@pytest.mark.parametrize("missing", ["pipeline.config", "label_map.pbtxt", "data"])
def test_what_is_missing_is_named(detector: Path, missing: str) -> None:
    (detector.parent / missing).rename(detector.parent / "moved")
    with pytest.raises(BadInput, match="does not exist") as caught:
        resolve_inputs(DetectorSpec.from_file(detector))
    assert str(detector.parent / missing) in caught.value.where


def test_missing_demo_data_names_the_command(detector: Path) -> None:
    detector.write_text(detector.read_text().replace("name: tiny", "name: demo"))
    (detector.parent / "data").rename(detector.parent / "moved")
    with pytest.raises(BadInput) as caught:
        resolve_inputs(DetectorSpec.from_file(detector))
    assert caught.value.fix == "make demo-data"


def test_a_missing_checkpoint_is_found_out_now(detector: Path) -> None:
    (detector.parent / "model.ckpt.index").unlink()
    with pytest.raises(BadInput, match="there is no checkpoint at this path"):
        resolve_inputs(DetectorSpec.from_file(detector))


def test_a_checkpoint_in_a_package() -> None:
    found = checkpoint_path("package:pytest:pytest/py.typed")
    assert found.is_file() and found.name == "py.typed"
    assert checkpoint_path("/models/model.ckpt") == Path("/models/model.ckpt")


@pytest.mark.parametrize(
    ("checkpoint", "said"),
    [("package:no-such-package:x.pb", "is not installed"), ("package:pytest:x.pb", "has no file 'x.pb'")],
)
def test_a_package_or_file_that_is_not_there(checkpoint: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        checkpoint_path(checkpoint)


def test_span(tmp_path: Path) -> None:
    for name in ("d-2026-10-x", "d-2026-11-x", "d-x", "other"):
        (tmp_path / name / "train").mkdir(parents=True)
    data = DataSpec(
        train=(f"{tmp_path}/d-{{span}}-x/train",), eval=(f"{tmp_path}/d-{{span}}-x",), label_map="/l"
    )
    assert with_span(data, "2026-10").train == (f"{tmp_path}/d-2026-10-x/train",)
    latest = with_span(data, None)
    assert (latest.train, latest.eval) == ((f"{tmp_path}/d-2026-11-x/train",), (f"{tmp_path}/d-2026-11-x",))
    assert latest.span == "2026-11" and not latest.uses_span
    both = with_span(data.model_copy(update={"spans": 2}), None)
    assert both.train == (f"{tmp_path}/d-2026-10-x/train", f"{tmp_path}/d-2026-11-x/train")


def test_spans_that_can_not_be(tmp_path: Path) -> None:
    fixed = DataSpec(train=("/train",), label_map="/l")
    assert with_span(fixed, None) == fixed
    with pytest.raises(BadInput, match="no path of the data has {span}"):
        with_span(fixed, "2026")
    spanned = DataSpec(train=(f"{tmp_path}/{{span}}/train",), label_map="/l")
    with pytest.raises(BadInput, match="there is no span of data yet"):
        with_span(spanned, None)
    (tmp_path / "2026-11" / "train").mkdir(parents=True)
    with pytest.raises(BadInput, match="there is no span '../secrets'"):
        with_span(spanned, "../secrets")


def test_the_contents_of_several_spans(detector: Path) -> None:
    data = detector.parent / "data"
    for span in ("1", "2"):
        shutil.copytree(data / "train", data / span)
    for file in (data / "2").iterdir():  # other content, as another delivery has
        if file.suffix == ".xml":
            file.write_text(file.read_text() + "\n")
    shutil.rmtree(data / "train")
    text = detector.read_text()
    assert "data/train" in text
    detector.write_text(text.replace("data/train", "data/{SPAN}\n  spans: 2"))
    inputs = resolve_inputs(DetectorSpec.from_file(detector))
    assert inputs.contents["train"].files == 24 and inputs.data.span == "2"
    (data / "1" / "0.xml").unlink()
    assert not is_unchanged(inputs.contents["train"])


def test_a_csv_beside_the_folder_is_part_of_the_data(detector: Path) -> None:
    train = detector.parent / "data" / "train"
    for file in train.glob("*.xml"):
        file.unlink()
    csv = train.with_name("train_labels.csv")
    head = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
    csv.write_text(head + "0.jpg,40,30,cat,1,1,9,9\n")
    before = resolve_inputs(DetectorSpec.from_file(detector)).contents["train"]
    assert before.files == 7
    csv.write_text(head + "0.jpg,40,30,cat,1,1,9,8\n")
    assert resolve_inputs(DetectorSpec.from_file(detector)).contents["train"].sha256 != before.sha256
    assert not is_unchanged(before)
