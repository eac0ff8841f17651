"""The report page."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.evaluator.analysis import analyse
from components.evaluator.detections import ImageDetections
from components.evaluator.differences import judge_of
from components.evaluator.evaluate import EvaluatedModel
from components.evaluator.gallery import Gallery
from components.evaluator.matching import match
from components.evaluator.metrics import coco_metrics
from components.evaluator.options import EvaluateOptions, GateOptions
from components.evaluator.pictures import Picture, make_picture
from components.evaluator.records import RunRecords, read_records
from components.evaluator.report import render_report
from components.evaluator.results import (
    ClassMetrics,
    Comparison,
    GateRule,
    Metrics,
    ModelEvaluation,
    ServingCost,
    Verdict,
)
from components.evaluator.slices import ImageFacts, Slice
from components.trainer.results import LearningRateCurve, Sweep, Trial
from tests.components.evaluator.drawn_sets import LABELS, random_images

VOID = {"meta", "br", "img", "link"}


class Page(html.parser.HTMLParser):
    """Collects text, and checks that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.feed(page)
        assert self.open == []
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data + " "


def metrics(by_class: dict[str, float | None]) -> Metrics:
    present = [value for value in by_class.values() if value is not None]
    mean = sum(present) / len(present) if present else None
    return Metrics(
        images=60,
        groundtruth_boxes=120,
        mAP=mean and mean / 2,
        mAP_50=mean,
        mAP_75=mean,
        recall_50=mean,
        by_class={
            name: ClassMetrics(
                display_name=name,
                groundtruth_boxes=20,
                mAP=value,
                mAP_50=value,
                mAP_75=value,
                recall_50=value,
            )
            for name, value in by_class.items()
        },
        by_size={"small": None, "medium": mean, "large": mean},
    )


def comparison(
    new: dict[str, float | None], old: dict[str, float | None], blessed: bool = True
) -> Comparison:
    return Comparison(
        gate=GateOptions(floor=0.5),
        verdict=Verdict(blessed=blessed, rules=[rule(blessed)]),
        candidate=ModelEvaluation(title="new model", saved_model="m", metrics=metrics(new), seconds=2.0),
        baseline=ModelEvaluation(
            title="converted TF1 model",
            saved_model="b",
            metrics=metrics(old),
            notes=["It does not know yield; that scores 0."],
            seconds=2.0,
        ),
    )


def rule(passed: bool) -> GateRule:
    word = "passed" if passed else "refused"
    return GateRule(
        rule="floor",
        passed=passed,
        measured=0.712,
        limit=0.5,
        sentence=f"{word}: mAP@0.5 0.712, at least 0.500 wanted",
    )


def gallery(*pictures: Picture) -> Gallery:
    return Gallery(samples=list(pictures), false_positives=[], misses=[], score=0.5)


@pytest.fixture
def records(run_root: Path) -> RunRecords:
    return read_records(
        run_root / "quarantine", run_root / "resolved", run_root / "converted", run_root / "model"
    )


def picture(filename: str) -> Picture:
    square = np.array([[0.1, 0.1, 0.5, 0.5]], np.float32)
    image = ImageDetections(
        300, 400, square, np.array([1]), square, np.array([0.8], np.float32), np.array([1])
    )
    return make_picture(image, np.zeros((300, 400, 3), np.uint8), filename, {1: "stop"}, 0.5)


NEW: dict[str, float | None] = {"stop": 0.8, "yield": 0.624}
OLD: dict[str, float | None] = {"stop": 0.5, "yield": 0.0}


def test_pictures_of_the_data_and_what_moved(run_root: Path) -> None:
    folder = run_root / "quarantine" / "contact_sheets"
    folder.mkdir()
    for name in ("train", "DATA009", "DATA035"):  # the last is of no finding of this run
        Image.new("RGB", (30, 20)).save(folder / f"{name}.jpg")
    file = run_root / "quarantine" / "statistics.json"
    statistics = json.loads(file.read_text())
    moved = {"split": "train", "what": "class_frequency", "label": "stop", "before": 0.25, "now": 0.5}
    statistics["drift"] = [moved | {"moved": 0.25, "allowed": 0.1}]
    file.write_text(json.dumps(statistics))
    records = read_records(
        run_root / "quarantine", run_root / "resolved", run_root / "converted", run_root / "model"
    )
    page = Page(render_report("road-signs", comparison(NEW, OLD), records, gallery(), {}))
    assert "Pictures of train, with the boxes as written" in page.text
    assert "DATA009 a box without area: the worst, as annotated" in page.text
    assert sum(address.startswith("data:image/jpeg") for address in page.addresses) == 2
    assert "train: stop was 25.0% of the boxes, now 50.0%" in page.text


def test_it_says_everything(records: RunRecords) -> None:
    page = render_report(
        "road-signs", comparison(NEW, OLD), records, gallery(picture("a.jpg")), {"Run": "r1", "Model": "/m/3"}
    )
    text = Page(page).text
    for fact in (
        "road-signs",
        "Blessed: this model may be served",
        "Compared with the converted TF1 model on the same 60 evaluation images.",
        "mAP@0.5 0.712, at least 0.500 wanted",
        "0.250 → 0.712",
        "+0.462",
        "It does not know yield; that scores 0.",
        "360 of the model's 372 variables start from the TF1 frozen graph.",
        "2.3e-06",
        "box encodings 9.5e-06 2.3e-06",
        "another number of classes: fresh values",
        "3 min 12 s",
        "122 images read = 120 written + 2 set aside.",
        "DATA009 a box without area: 6",
        "train/street_000.jpg",
        "set num_classes: 3",
        "+ num_classes: 3",
        "1 of 1 found",
        "stop 0.80",
        "/m/3",
    ):
        assert fact in text, fact
    assert page.count("<polyline") == 3


def test_what_was_measured_beside_average_precision(records: RunRecords) -> None:
    images = random_images(0, count=40)
    slightly_worse = random_images(0, count=40, noise=0.04)
    facts = [ImageFacts(f"day/{number}.jpg", 640, 480, 90.0) for number in range(40)]
    new, old = (
        EvaluatedModel(
            ModelEvaluation(
                title=title,
                saved_model="m",
                metrics=coco_metrics(found, LABELS),
                masks=coco_metrics(found, LABELS),
                analysis=analyse(found, match(found, [1, 2, 5, 7]), LABELS, 0.3),
                seconds=1.0,
            ),
            found,
            facts,
            match(found, [1, 2, 5, 7]),
        )
        for title, found in (("new model", images), ("version 3", slightly_worse))
    )
    judge = judge_of(LABELS, "mAP_50", EvaluateOptions(resamples=100))
    whole = comparison(NEW, OLD).model_copy(
        update={
            "candidate": new.evaluation,
            "baseline": old.evaluation,
            "tf1": old.evaluation.model_copy(update={"title": "converted TF1 model"}),
            "differences": judge.differences(new, old),
            "slices": judge.slices(new, old, [Slice("folder day", tuple(range(9)))], 20),
            "old_classes": [judge.old_classes("old evaluation set", new, old, old, [1])],
            "cost": ServingCost(latency_ms=12.3, image_size=(640, 480), device="CPU", size_mb=18.52),
        }
    )
    page = render_report("signs", whole, records, gallery(), {"Run": ""})
    text = Page(page).text
    for fact in (
        "AR, 100 detections",
        "Masks: AP at IoU 0.75",
        "PASCAL VOC 2007",
        "95% interval",
        "undefined: no such object",
        "a score of at least 0.30, as the YAML says",
        "Expected calibration error",
        "Rows are objects, columns what was found.",
        "folder day too small 9",
        "40, old evaluation set",
        "640×480 takes the exported model 12.3 ms on the CPU",
        "The SavedModel has 18.5 MB",
    ):
        assert fact in text, fact
    assert page.count('class="reliable"') >= 8
    assert "nan" not in text and "None" not in text


def test_a_search_and_a_sweep_of_the_training_are_shown(records: RunRecords) -> None:
    search = LearningRateCurve(
        rates=[1e-4, 1e-3, 1e-2], losses=[3.0, 2.0, 9.0], suggestion=1e-3, applied=True
    )
    trials = [
        Trial(settings={"learning_rate": 0.01, "optimizer": "adam"}, loss=1.25),
        Trial(settings={"learning_rate": 0.5}, loss=None, why="no number at step 4"),
    ]
    sweep = Sweep(trials=trials, best=0, applied=False)
    trained = records.training.model_copy(update={"search": search, "sweep": sweep})
    text = page_of(replace(records, training=trained))
    assert "Suggested: 1.0e-03, which the training used." in text
    assert "1 best learning rate 0.01, optimizer adam 1.250" in text
    assert "failed no number at step 4" in text
    assert "The best trial's settings were not used." in text
    assert "range test" not in page_of(records) and "sweep" not in page_of(records)


def test_mistakes_have_sections_of_their_own(records: RunRecords) -> None:
    mistakes = Gallery(samples=[], false_positives=[picture("w.jpg")], misses=[picture("m.jpg")], score=0.42)
    text = Page(render_report("d", comparison(NEW, OLD), records, mistakes, {"Run": ""})).text
    assert "Worst false positives" in text and "Worst misses" in text and "Evaluation pictures" not in text
    assert "w.jpg" in text and "m.jpg" in text


def test_a_refusal_looks_like_one(records: RunRecords) -> None:
    text = Page(render_report("d", comparison(OLD, NEW, blessed=False), records, gallery(), {"Run": ""})).text
    assert "Refused: serving stays as it is" in text
    assert "may be served" not in text
    assert "−0.462" in text


def test_it_needs_no_other_file(records: RunRecords) -> None:
    page = render_report("d", comparison(NEW, OLD), records, gallery(picture("a.jpg")), {"Run": "r"})
    assert all(address.startswith(("data:image/", "#")) for address in Page(page).addresses)
    assert "<script" not in page and "@import" not in page and "url(" not in page


def test_at_night_it_is_printed_as_by_day(records: RunRecords) -> None:
    page = render_report("d", comparison(NEW, OLD), records, gallery(picture("a.jpg")), {"Run": "r"})
    asked = re.findall(r"@media ([^{]*prefers-color-scheme[^{]*)", page)
    assert asked and all(one.startswith("screen and ") for one in asked)


def test_names_from_data_cannot_inject_markup(records: RunRecords) -> None:
    evil = "<script>alert(1)</script>"
    rows = [records.quarantine[0].model_copy(update={"file": evil, "detail": evil})]
    page = render_report(
        evil,
        comparison({evil: 0.5}, {evil: 0.4}),
        replace(records, quarantine=rows),
        gallery(picture(evil)),
        {"Run": evil},
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_what_is_absent_leaves_no_holes(records: RunRecords) -> None:
    empty = replace(
        records,
        quarantine=[],
        findings=[],
        config_diff="",
        training=records.training.model_copy(
            update={"history": [], "resumed_from": 200, "not_applied": ["x"]}
        ),
    )
    text = Page(
        render_report("d", comparison({"stop": None}, {"stop": None}), empty, gallery(), {"Run": ""})
    ).text
    assert "Too few steps for a curve." in text
    assert "Nothing was found wrong with the data." in text
    assert "No findings." in text
    assert "resumed at step 200" in text
    assert "Evaluation pictures" not in text
    assert "None" not in text and "nan" not in text


def test_an_unproved_conversion_is_said_so(records: RunRecords) -> None:
    unproved = replace(records, conversion=records.conversion.model_copy(update={"proof": None}))
    text = Page(render_report("d", comparison(NEW, OLD), unproved, gallery(), {"Run": ""})).text
    assert "the proof was switched off" in text and "Unproved" in text
    assert "Class head: 0 of 3 rows by name." in text


def test_an_allowed_finding_is_marked(records: RunRecords) -> None:
    assert "set num_classes: 3 applied" in page_of(records)
    allowed = [replace(finding, allowed=True) for finding in records.findings]
    assert "set num_classes: 3 allowed" in page_of(replace(records, findings=allowed))


def page_of(records: RunRecords) -> str:
    return Page(render_report("d", comparison(NEW, OLD), records, gallery(), {"Run": ""})).text


def test_long_quarantines_are_cut(records: RunRecords) -> None:
    rows = [records.quarantine[0]] * 40
    text = Page(
        render_report("d", comparison(NEW, OLD), replace(records, quarantine=rows), gallery(), {"Run": ""})
    ).text
    assert "and 28 more in quarantine.jsonl" in text
