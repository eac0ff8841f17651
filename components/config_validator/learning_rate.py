"""The optimizer and learning-rate schedule of a train_config, whichever of the many kinds they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# The field of each schedule that holds its highest rate, and the fields that go with it.
_PEAK = {
    "constant_learning_rate": "learning_rate",
    "exponential_decay_learning_rate": "initial_learning_rate",
    "manual_step_learning_rate": "initial_learning_rate",
    "cosine_decay_learning_rate": "learning_rate_base",
}
_SCALED_WITH_PEAK = ("warmup_learning_rate", "burnin_learning_rate", "min_learning_rate")

_ROUNDING = 1.001  # protos hold float32
# Highest sensible rate for fine-tuning with up to _BATCH pictures a step; it grows with the batch.
_FINE_TUNING_PEAK = {"momentum_optimizer": 0.02, "rms_prop_optimizer": 0.006, "adam_optimizer": 0.005}
_BATCH = 32


def fine_tuning_peak(optimizer: str, batch_size: int) -> float:
    """The highest rate that fine-tuning with this optimizer ("adam_optimizer") and batch usually bears."""
    return _FINE_TUNING_PEAK[optimizer] * max(1.0, batch_size / _BATCH)


@dataclass(frozen=True)
class Schedule:
    """One learning-rate schedule in place: changes to `message` change the config."""

    optimizer: str  # "momentum_optimizer", ...
    kind: str  # "cosine_decay_learning_rate", ...
    message: Any

    @property
    def field(self) -> str:
        """The schedule's dotted path in TrainEvalPipelineConfig."""
        return f"train_config.optimizer.{self.optimizer}.learning_rate.{self.kind}"

    @property
    def peak_field(self) -> str:
        """The dotted path of the field that names the rate."""
        return f"{self.field}.{_PEAK[self.kind]}"

    @property
    def peak(self) -> float:
        """The highest rate that the schedule reaches."""
        rates = [getattr(self.message, _PEAK[self.kind])]
        if self.kind == "manual_step_learning_rate":
            rates += [step.learning_rate for step in self.message.schedule]
        return float(max(rates))

    def is_too_high(self, batch_size: int) -> bool:
        """Whether fine-tuning usually does not bear this rate."""
        return self.peak > fine_tuning_peak(self.optimizer, batch_size) * _ROUNDING

    def is_high(self, batch_size: int) -> bool:
        """Whether the rate wants care: a warmup, and gradients that are clipped.

        RMSProp and Adam divide by the size of the gradients themselves, so they want it later than momentum.
        """
        share = 0.5 if self.optimizer == "momentum_optimizer" else 1.0
        return self.peak > share * fine_tuning_peak(self.optimizer, batch_size) * _ROUNDING

    @property
    def warmup_steps(self) -> int:
        """Steps before the rate first stands at its base; 0 if it starts there, or higher."""
        rate = self.message
        if self.kind == "cosine_decay_learning_rate":
            return int(rate.warmup_steps) if rate.warmup_learning_rate < rate.learning_rate_base else 0
        if self.kind == "exponential_decay_learning_rate":
            return int(rate.burnin_steps) if 0 < rate.burnin_learning_rate < rate.initial_learning_rate else 0
        if self.kind == "manual_step_learning_rate" and rate.warmup and rate.schedule:
            return int(rate.schedule[0].step)
        return 0

    @property
    def warmup_field(self) -> str:
        """The dotted path of the field that says how long the warmup is, or of the schedule."""
        name = {
            "cosine_decay_learning_rate": ".warmup_steps",
            "exponential_decay_learning_rate": ".burnin_steps",
            "manual_step_learning_rate": ".schedule",
        }
        return self.field + name.get(self.kind, "")

    def scale(self, peak: float) -> None:
        """Makes `peak` the highest rate; every other rate keeps its ratio to it."""
        ratio = peak / self.peak if self.peak > 0 else 1.0
        name = _PEAK[self.kind]
        if self.kind == "manual_step_learning_rate" and self.peak > 0:
            self.message.initial_learning_rate = _short(self.message.initial_learning_rate * ratio)
            for step in self.message.schedule:
                step.learning_rate = _short(step.learning_rate * ratio)
        else:
            setattr(self.message, name, peak)
        for other in _SCALED_WITH_PEAK:
            if rate := getattr(self.message, other, 0.0):
                setattr(self.message, other, _short(rate * ratio))

    def stretch(self, old_steps: int, steps: int) -> None:
        """Fits the schedule's steps, made for `old_steps` (0: unknown), into `steps`."""
        if self.kind == "cosine_decay_learning_rate":
            ratio = steps / max(self.message.total_steps, 1)
            self.message.warmup_steps = int(self.message.warmup_steps * ratio)
            if self.message.hold_base_rate_steps:
                self.message.hold_base_rate_steps = int(self.message.hold_base_rate_steps * ratio)
            self.message.total_steps = steps
        elif self.kind == "manual_step_learning_rate" and old_steps > 0:
            for step in self.message.schedule:
                step.step = int(step.step * steps / old_steps)


def active_schedule(config: Any) -> Schedule | None:
    """The schedule that a TrainEvalPipelineConfig trains with; None if it names no optimizer or schedule."""
    optimizer = config.train_config.optimizer.WhichOneof("optimizer")
    if optimizer is None:
        return None
    rate = getattr(config.train_config.optimizer, optimizer).learning_rate
    kind = rate.WhichOneof("learning_rate")
    return None if kind is None else Schedule(optimizer, kind, getattr(rate, kind))


def _short(rate: float) -> float:
    """The rate without the digits that float32 made up, so that the resolved config reads well."""
    return float(f"{rate:.6g}")
