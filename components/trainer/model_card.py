"""model_card.md: what a person should know before a trained model is used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from components.trainer.hyper_parameters import HyperParameters
from components.trainer.job import TrainingJob
from components.trainer.metadata import ModelMetadata, ProofFigures
from components.trainer.results import TrainingResult

MODEL_CARD = "model_card.md"

_NOT_STATED = "not stated"
_SETTINGS = (
    "steps",
    "batch_size",
    "optimizer",
    "learning_rate",
    "schedule",
    "augmentations",
    "freeze",
    "train_batch_norm",
    "moving_average_decay",
    "keep_old_classes",
    "seed",
)
_VALIDATION = "eval_"


def format_model_card(
    job: TrainingJob, result: TrainingResult, metadata: ModelMetadata, settings: HyperParameters
) -> str:
    """The card as Markdown (GitHub's, with tables); text that people wrote can't break out of its cell.

    Nothing in it changes with the time or the machine: equal trainings have equal cards.
    """
    sections = (
        [f"# Model card: {escape(metadata.architecture)}"],
        _summary(metadata),
        _use(job),
        _data(job, metadata),
        _training(result, settings),
        _metrics(result),
        _conversion(metadata),
        _files(job),
    )
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def escape(text: str) -> str:
    """`text` in one line that Markdown and HTML show as it is; "not stated" if there is none."""
    line = " ".join(text.split())
    line = re.sub(r"[&<>~$]", lambda sign: f"&#{ord(sign[0])};", line)  # not every Markdown has \\~
    line = re.sub(r"([\\`*_\[\]|])", r"\\\1", line)
    # addresses that GitHub would make links of
    line = re.sub(r"(?i)\b(https?|ftp):", r"\1&#58;", line)
    line = re.sub(r"(?i)\b(www)\.", r"\1&#46;", line)
    return line or _NOT_STATED


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def _summary(metadata: ModelMetadata) -> list[str]:
    of = "the moving averages of its weights" if metadata.weights == "averages" else "its weights"
    return [
        "An object detector, carried over from the TensorFlow 1 Object Detection API to TensorFlow 2 and "
        f"fine-tuned: {of} after step {metadata.step}.",
        "",
        *_table(
            ["property", "value"],
            [
                ["input", "RGB images of any size, uint8, or JPEG and PNG files"],
                ["resized by", f"`{metadata.image_resizer}`"],
                ["classes", len(metadata.classes)],
                ["software", ", ".join(f"{name} {value}" for name, value in metadata.software.items())],
            ],
        ),
    ]


def _use(job: TrainingJob) -> list[str]:
    options = job.export
    return [
        "## Use",
        "",
        *_table(
            ["field", "stated"],
            [
                ["intended use", escape(options.intended_use)],
                ["limits", escape(options.limits)],
                ["licence of the model", escape(options.licence)],
                ["licence of the data", escape(options.data_licence)],
                ["contact", escape(options.contact)],
            ],
        ),
    ]


def _data(job: TrainingJob, metadata: ModelMetadata) -> list[str]:
    rows: list[Sequence[object]] = [
        [id, escape(name), job.train_objects.get(id, 0), job.eval_objects.get(id, 0)]
        for id, name in metadata.classes.items()
    ]
    unseen = [escape(name) for id, name in metadata.classes.items() if not job.train_objects.get(id)]
    return [
        "## Data",
        "",
        f"{job.train_images} images to train on, {job.eval_images} to validate with. Objects in them:",
        "",
        *_table(["id", "class", "training", "validation"], rows),
        *(["", f"Not in the training data: {', '.join(unseen)}."] if unseen else []),
    ]


def _training(result: TrainingResult, settings: HyperParameters) -> list[str]:
    known = {name: settings.settings[name] for name in _SETTINGS if name in settings.settings}
    rows = [[name, escape(_shown(setting.value)), setting.source] for name, setting in known.items()]
    stopped = f" It stopped early, after step {result.steps}." if result.stopped_early else ""
    return [
        "## Training",
        "",
        f"{result.variables_trained} variables were trained, {result.variables_frozen} kept.{stopped} All "
        "settings are in hyper_parameters.json of the training.",
        "",
        *_table(["setting", "value", "from"], rows),
        *(
            ["", f"Of pipeline.config not applied: {', '.join(map(escape, result.not_applied))}."]
            if result.not_applied
            else []
        ),
    ]


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)


def _metrics(result: TrainingResult) -> list[str]:
    validations = [row for row in result.history if any(name.startswith(_VALIDATION) for name in row)]
    chosen = next((row for row in validations if row["step"] == result.exported_step), None)
    lines = ["## Metrics", ""]
    if chosen is None:
        lines.append("No validation was done at this step of the training.")
    else:
        rows = [
            [escape(name.removeprefix(_VALIDATION)), f"{value:.4g}"]
            for name, value in sorted(chosen.items())
            if name.startswith(_VALIDATION)
        ]
        lines += [
            f"Validation during the training, after step {result.exported_step}:",
            "",
            *_table(["metric", "value"], rows),
        ]
    return [
        *lines,
        "",
        "The Evaluator measures the exported model itself, and against the model that it would replace: "
        "metrics.json and report.html of the evaluation, and manifest.json of the published version.",
    ]


def _conversion(metadata: ModelMetadata) -> list[str]:
    lines = ["## Conversion from TensorFlow 1", ""]
    if metadata.variables_total is None:
        return [*lines, f"Report of the conversion: {_NOT_STATED}."]
    lines.append(
        f"{metadata.variables_converted} of {metadata.variables_total} variables came from the TF1 "
        "checkpoint; the others were fresh."
    )
    return [*lines, "", *_proof(metadata.proof)]


def _proof(proof: ProofFigures | None) -> list[str]:
    if proof is None:
        return ["The conversion was not proved against the TF1 graph."]
    return [
        f"Before fine-tuning, model and TF1 graph saw the same {proof.images} images. No difference was to "
        f"be above {proof.tolerance:g}; the largest were:",
        "",
        *_table(
            ["of", "largest difference"],
            [
                ["raw predictions, relative", f"{proof.max_difference_raw:.2g}"],
                [f"boxes of {proof.matched_detections} detections", f"{proof.max_difference_boxes:.2g}"],
                ["their scores", f"{proof.max_difference_scores:.2g}"],
            ],
        ),
    ]


def _files(job: TrainingJob) -> list[str]:
    rows = [
        ["SavedModel", "signatures serving_default, encoded_image_string_tensor and tf_example"],
        ["label_map.pbtxt", "ids and names of the classes"],
        ["pipeline.config", "the model's architecture and settings, as the Object Detection API reads them"],
    ]
    if job.export.tflite:
        kinds = ", ".join(job.export.tflite)
        rows.append(["tflite", f"TFLite models: {kinds}; metadata.json there says how to use them"])
    return [
        "## Files",
        "",
        *_table(["file", "what it is"], [[escape(name), escape(what)] for name, what in rows]),
    ]
