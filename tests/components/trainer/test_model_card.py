"""The model card: its facts, and that nobody's text breaks it."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import markdown
import pytest

from components.trainer.hyper_parameters import HyperParameters, Setting
from components.trainer.job import TrainingJob
from components.trainer.metadata import ModelMetadata, ProofFigures, describe_model
from components.trainer.model_card import escape, format_model_card
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.results import TrainingResult

if TYPE_CHECKING:
    from conftest import Training

RESULT = TrainingResult(
    steps=8,
    batch_size=4,
    history=[
        {"step": 4, "loss": 2.0, "eval_loss": 1.25, "eval_mAP_50": 0.5},
        {"step": 8, "loss": 1.0, "eval_loss": 1.5, "eval_mAP_50": 0.4},
    ],
    seconds=2.0,
    images_per_second=16.0,
    learning_rate=0.003,
    resumed_from=None,
    exported_step=4,
    exported_weights="values",
    stopped_early=False,
    train_images=22,
    eval_images=6,
    variables_trained=80,
    variables_frozen=3,
    augmentations=["random_horizontal_flip"],
    not_applied=["data_augmentation_options.autoaugment_image"],
    device="CPU",
    search=None,
    sweep=None,
)
SETTINGS = HyperParameters(
    settings={
        "steps": Setting(value=8, source="pipeline.config"),
        "learning_rate": Setting(value=0.003, source="train"),
        "freeze": Setting(value=["Feature*"], source="train"),
        "unlisted": Setting(value=1, source="default"),
    }
)
PROOF = ProofFigures(
    images=4,
    matched_detections=31,
    max_difference_raw=1.5e-6,
    max_difference_boxes=2e-7,
    max_difference_scores=3e-7,
    tolerance=1e-4,
)


@pytest.fixture(scope="module")
def job(training: Training, tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    return training.job(tmp_path_factory.mktemp("card"), TrainOptions())


@pytest.fixture(scope="module")
def metadata(job: TrainingJob) -> ModelMetadata:
    described = describe_model(job, 4, "values")
    return described.model_copy(
        update={"proof": PROOF, "variables_total": 90, "variables_converted": 88, "software": {"keras": "3"}}
    )


def rendered(card: str) -> str:
    return markdown.markdown(card, extensions=["tables"])


def cells(card: str) -> list[list[str]]:
    """The rows of all tables."""
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows]


def test_facts(job: TrainingJob, metadata: ModelMetadata) -> None:
    options = ExportOptions(licence="Apache-2.0", intended_use="counting\nred and green", tflite=["int8"])
    card = format_model_card(replace(job, export=options), RESULT, metadata, SETTINGS)
    assert card.startswith("# Model card: ssd\\_mobilenet\\_v1\n")
    assert "22 images to train on, 6 to validate with" in card
    rows = cells(card)
    # 22 and 6 pictures with one rectangle each, red and green by turns
    assert ["1", "red", "11", "3"] in rows and ["2", "green", "11", "3"] in rows
    assert ["licence of the model", "Apache-2.0"] in rows
    assert ["intended use", "counting red and green"] in rows
    assert ["limits", "not stated"] in rows and ["contact", "not stated"] in rows
    assert ["learning_rate", "0.003", "train"] in rows
    assert "unlisted" not in card
    assert "Validation during the training, after step 4:" in card
    assert ["mAP\\_50", "0.5"] in rows and ["loss", "1.25"] in rows
    assert "metrics.json" in card and "manifest.json" in card
    assert "88 of 90 variables" in card and ["boxes of 31 detections", "2e-07"] in rows
    assert "autoaugment\\_image" in card
    assert ["tflite", "TFLite models: int8; metadata.json there says how to use them"] in rows
    html = rendered(card)
    assert html.count("<table>") == 7 and "|" not in html
    assert [part.split("<")[0] for part in html.split("<h2>")[1:]] == [
        "Use",
        "Data",
        "Training",
        "Metrics",
        "Conversion from TensorFlow 1",
        "Files",
    ]


def test_what_is_not_there_is_said(job: TrainingJob, metadata: ModelMetadata) -> None:
    bare = metadata.model_copy(update={"proof": None, "variables_total": None})
    result = RESULT.model_copy(update={"history": [{"step": 4, "loss": 1.0}]})
    card = format_model_card(replace(job, eval_objects={}, train_objects={1: 5}), result, bare, SETTINGS)
    assert "No validation was done at this step" in card
    assert "Report of the conversion: not stated." in card
    assert "Not in the training data: green." in card
    assert "was not proved" in format_model_card(
        job, result, bare.model_copy(update={"variables_total": 9, "variables_converted": 9}), SETTINGS
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a | b | c",
        "**bold** _it_ `code` ~~gone~~",
        "[click](javascript:alert(1))",
        "![x](http://example.com/a.png)",
        "line one\n\n# heading\n- list\n1. one",
        "back\\slash &amp; <b>",
        "http://example.com www.example.com",
        "<http://example.com>",
        "| --- |",
    ],
)
def test_text_of_people_stays_text(text: str, job: TrainingJob, metadata: ModelMetadata) -> None:
    options = ExportOptions(limits=text)
    hostile = metadata.model_copy(update={"classes": {1: text, 2: "green"}})
    html = rendered(format_model_card(replace(job, export=options), RESULT, hostile, SETTINGS))
    plain = rendered(format_model_card(job, RESULT, metadata, SETTINGS))
    for tag in ("<script", "<b>", "<em", "<strong", "<a ", "<img", "<li", "<del"):
        assert tag not in html
    for tag in ("<table>", "<tr>", "<td>", "<h1", "<h2", "<code>", "<p>"):
        assert html.count(tag) == plain.count(tag), tag
    assert " ".join(text.split()) in unescape(html)


def test_empty_text_is_not_stated() -> None:
    assert escape(" \n ") == "not stated"


def test_equal_trainings_have_equal_cards(job: TrainingJob, metadata: ModelMetadata) -> None:
    other = RESULT.model_copy(
        update={"seconds": 99.0, "images_per_second": 1.0, "resumed_from": 3, "device": "GPU"}
    )
    cards = {format_model_card(job, result, metadata, SETTINGS) for result in (RESULT, other)}
    assert len(cards) == 1
