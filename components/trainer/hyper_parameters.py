"""hyper_parameters.json: every setting that a training used, and where its value came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from google.protobuf.message import Message
from pydantic import BaseModel

from components.trainer.choose import Choice
from components.trainer.job import TrainingJob
from components.trainer.options import TrainOptions
from components.trainer.rates import blocks_of, variable_rates, what_was_restored
from components.trainer.schedule import base_rate, build_schedule
from components.trainer.trainable import DetectorTrainer
from detection.config.find_messages import find_messages
from detection.config.text_files import write_text
from detection.tf1.names import tf1_name

HYPER_PARAMETERS_FILE = "hyper_parameters.json"

Source = Literal["pipeline.config", "train", "trigger", "lr_search", "sweep", "default"]

# Options that are part of a merged setting, or only say where one comes from.
_MERGED = frozenset(
    {
        "steps",
        "batch_size",
        "learning_rate",
        "warmup_steps",
        "optimizer",
        "weight_decay",
        "schedule",
        "freeze",
        "restored_rate",
        "block_rates",
        "train_batch_norm",
        "augment",
        "lr_search",
        "sweep",
    }
)


class Setting(BaseModel):
    """One value. `default` is what holds where nobody said anything, the config's own defaults included."""

    value: Any
    source: Source


class HyperParameters(BaseModel):
    """hyper_parameters.json: settings by name; a name with a dot is a part of what stands before it."""

    settings: dict[str, Setting]


def collect_hyper_parameters(choice: Choice, trainer: DetectorTrainer) -> HyperParameters:
    """What `trainer`, as it was built for the job of `choice`, trains with."""
    sources = _Sources(choice)
    settings = {
        **_basics(choice.job, sources),
        **_schedule(choice.job, sources),
        **_optimizer(choice.job, trainer, sources),
        **_rate_factors(choice.job, trainer, sources),
        **_from_config(choice.job, trainer),
        **_options(choice.job.options, sources),
    }
    return HyperParameters(settings=settings)


def write_hyper_parameters(hyper_parameters: HyperParameters, directory: Path) -> None:
    """Writes hyper_parameters.json into `directory`, which is made if needed."""
    directory.mkdir(parents=True, exist_ok=True)
    write_text(hyper_parameters.model_dump_json(indent=2), directory / HYPER_PARAMETERS_FILE)


class _Sources:
    """Where the values of TrainOptions came from: the last one who set them."""

    def __init__(self, choice: Choice) -> None:
        self._options = choice.job.options
        self._found: dict[str, Source] = {name: "trigger" for name in choice.job.triggered}
        if choice.search and choice.search.applied:
            self._found["learning_rate"] = "lr_search"
        if choice.sweep and choice.sweep.applied and choice.sweep.best is not None:
            self._found |= dict.fromkeys(choice.sweep.trials[choice.sweep.best].settings, "sweep")

    def of(self, name: str) -> Source:
        """Of an option that has a value of its own."""
        if name in self._found:
            return self._found[name]
        default = TrainOptions.model_fields[name].get_default(call_default_factory=True)
        return "default" if getattr(self._options, name) == default else "train"

    def merged(self, name: str, config: Message, field: str) -> Source:
        """Of an option that, left out, gives way to `field` of a config."""
        source = self.of(name)
        return _said(config, field) if source == "default" else source


def _said(config: Message, field: str) -> Source:
    # repeated fields have no presence; what is in them was said
    set_there = {descriptor.name for descriptor, _ in config.ListFields()}
    return "pipeline.config" if field in set_there else "default"


def _basics(job: TrainingJob, sources: _Sources) -> dict[str, Setting]:
    config, options = job.config.train_config, job.options
    optimizer = config.optimizer
    kind = optimizer.WhichOneof("optimizer")
    rate_source = sources.of("learning_rate")
    if rate_source == "default" and kind:
        rate_source = _said(getattr(optimizer, kind), "learning_rate")
    return {
        "steps": Setting(value=job.steps, source=sources.merged("steps", config, "num_steps")),
        "batch_size": Setting(
            value=job.batch_size, source=sources.merged("batch_size", config, "batch_size")
        ),
        "learning_rate": Setting(value=base_rate(optimizer, options), source=rate_source),
        "augmentations": Setting(
            value=list(job.augmentations.names),
            source=sources.merged("augment", config, "data_augmentation_options"),
        ),
    }


def _schedule(job: TrainingJob, sources: _Sources) -> dict[str, Setting]:
    """The schedule's kind and all of its numbers; the rates in it are parts of the learning rate."""
    basics = _basics(job, sources)
    schedule = build_schedule(job.config.train_config.optimizer, job.options, job.steps)
    replaced = job.options.schedule != "config"
    kind_source: Source = sources.of("schedule") if replaced else "pipeline.config"
    settings = {"schedule": Setting(value=type(schedule).__name__, source=kind_source)}
    for name, value in schedule.get_config().items():
        source: Source = "default" if replaced else "pipeline.config"
        if name.removesuffix("s").endswith("rate"):
            source = basics["learning_rate"].source
        elif replaced and name in ("total_steps", "warmup_steps"):
            source = basics["steps"].source if name == "total_steps" else sources.of(name)
        settings[f"schedule.{name}"] = Setting(value=value, source=source)
    return settings


def _optimizer(job: TrainingJob, trainer: DetectorTrainer, sources: _Sources) -> dict[str, Setting]:
    config = job.config.train_config.optimizer
    kind = config.WhichOneof("optimizer")
    own = getattr(config, kind) if kind else config
    optimizer = trainer.optimizer
    settings = {
        "optimizer": Setting(value=optimizer.name, source=sources.merged("optimizer", config, str(kind)))
    }
    same_kind = optimizer.name == (kind or "").removesuffix("_optimizer").replace("_", "")
    for name, value in optimizer.hyper_parameters().items():
        source: Source = "default"
        if name == "weight_decay":
            source = sources.of(name)
        elif same_kind:
            source = _said(own, "momentum_optimizer_value" if name == "momentum" else name)
        settings[f"optimizer.{name}"] = Setting(value=value, source=source)
    return settings


def _rate_factors(job: TrainingJob, trainer: DetectorTrainer, sources: _Sources) -> dict[str, Setting]:
    """The part of the rate by block, in one number or, where it has several, for fresh, restored and held."""
    detector, options = trainer.detector, job.options
    known = what_was_restored(job.conversion, job.train_objects)
    rates = variable_rates(detector, trainer.trained, options, known)
    settings = {}
    for block, variables in blocks_of(detector, trainer.trained).items():
        factors: dict[str, float] = {}
        for variable in variables:
            rate = rates[variable.path]
            state = "fresh" if tf1_name(variable.path, detector.name) in known.fresh else "restored"
            factors[state] = rate.factor
            for part in set(rate.entries) - {1.0}:
                factors["restored" if part else "held"] = rate.factor * part
        values = set(factors.values())
        source = sources.of("block_rates" if block in options.block_rates else "restored_rate")
        if values == {1.0} and block not in options.block_rates:
            source = "default"
        settings[f"rate_factors.{block}"] = Setting(
            value=values.pop() if len(values) == 1 else factors, source=source
        )
    return settings


def _from_config(job: TrainingJob, trainer: DetectorTrainer) -> dict[str, Setting]:
    """What the config says and nothing overrides, and what it says together with an option."""
    config, options = job.config.train_config, job.options
    averages = trainer.averages
    settings = {
        name: Setting(value=getattr(config, name), source=_said(config, name))
        for name in ("gradient_clipping_by_norm", "bias_grad_multiplier", "add_regularization_loss")
    }
    for name in ("freeze_variables", "update_trainable_variables"):
        settings[name] = Setting(value=list(getattr(config, name)), source=_said(config, name))
    settings["freeze"] = Setting(value=list(options.freeze), source="train" if options.freeze else "default")
    for number, kind in ((2, "L2Regularizer"), (1, "L1Regularizer")):
        for path, regularizer in find_messages(kind, job.config.model, "model"):
            layers = path.removeprefix("model.").removesuffix(f".regularizer.l{number}_regularizer")
            settings[f"l{number}.{layers}"] = Setting(value=regularizer.weight, source="pipeline.config")
    settings["moving_average_decay"] = Setting(
        value=averages.decay if averages else None, source=_said(config.optimizer, "moving_average_decay")
    )
    settings["train_batch_norm"] = Setting(
        value=not trainer.detector.freeze_batch_norm,
        source="default" if options.train_batch_norm is None else "train",
    )
    return settings


def _options(options: TrainOptions, sources: _Sources) -> dict[str, Setting]:
    values: Mapping[str, Any] = options.model_dump(mode="json", exclude=set(_MERGED))
    return {name: Setting(value=value, source=sources.of(name)) for name, value in values.items()}
