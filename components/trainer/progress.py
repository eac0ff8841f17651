"""How far a training is and how fast it goes, as one line every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

EVERY_SECONDS = 10.0


class Pace:
    """Steps and validations against time; the first step, which builds the graph, does not count.

    Args:
      batch_size: images a step.
      total_steps: where the training ends.
      eval_every_steps: steps between validations; None: there are none.
    """

    def __init__(self, batch_size: int, total_steps: int, eval_every_steps: int | None) -> None:
        self._batch_size = batch_size
        self._total_steps = total_steps
        self._eval_every_steps = eval_every_steps
        self._mark: float | None = None
        self._validations = 0
        self._validation_seconds = 0.0
        self.steps = 0
        self.seconds = 0.0

    @property
    def images_per_second(self) -> float:
        """Images trained a second, without the time for validations; 0 if unknown."""
        return self.steps * self._batch_size / self.seconds if self.steps else 0.0

    def step_done(self) -> None:
        """A step has ended."""
        now = time.monotonic()
        if self._mark is not None:
            self.steps += 1
            self.seconds += now - self._mark
        self._mark = now

    def validation_done(self, seconds: float) -> None:
        """A validation has ended, which took that long."""
        self._validations += 1
        self._validation_seconds += seconds
        if self._mark is not None:
            self._mark += seconds

    def seconds_left(self, step: int) -> float | None:
        """Time for the steps after `step` and their validations; None if unknown."""
        if not self.steps:
            return None
        left = (self._total_steps - step) * self.seconds / self.steps
        if self._validations and self._eval_every_steps and step < self._total_steps:
            every = self._eval_every_steps
            # those at multiples of it, and the last step's if that is none
            due = -(-self._total_steps // every) - step // every
            left += due * self._validation_seconds / self._validations
        return left


class ProgressLines:
    """Within `with lines:` prints a line every `every_seconds`, and at the end what is not printed yet.

    A thread prints them, so that they also come while a step or a validation takes longer.

    Args:
      pace: is asked for the time left; a line's images a second are those since the line before.
      batch_size: images a step.
      total_steps: where the training ends.
      step: the steps done before.
      every_seconds: time between two lines.
    """

    def __init__(
        self, pace: Pace, batch_size: int, total_steps: int, step: int, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._pace = pace
        self._batch_size = batch_size
        self._total_steps = total_steps
        self._every_seconds = every_seconds
        self._step = self._printed_step = step
        self._values: dict[str, float] = {}
        self._evaluated: dict[str, float] = {}
        self._evaluated_step = step
        self._paced = (0, 0.0)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self.doing("the first step and its graph")

    def __enter__(self) -> ProgressLines:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._step > self._printed_step or self._evaluated:
            self._print()

    def doing(self, what: str) -> None:
        """What begins now; lines say it until a step has ended."""
        self._doing, self._since = what, time.monotonic()

    def step_done(self, step: int, values: Mapping[str, float]) -> None:
        """`step` has ended; `values` has its losses and its "learning_rate"."""
        with self._lock:
            self._step, self._values = step, dict(values)
            self._go_on()

    def evaluated(self, step: int, values: Mapping[str, float]) -> None:
        """The validation of `step` has ended; `values`: losses and metrics, names with the prefix eval_."""
        with self._lock:
            self._evaluated_step, self._evaluated = step, dict(values)
            self._go_on()

    def _go_on(self) -> None:
        self.doing("the next step" if self._step < self._total_steps else "the end")

    def _run(self) -> None:
        while not self._ended.wait(self._every_seconds):
            self._print()

    def _print(self) -> None:
        with self._lock:
            line = f"step {self._step}/{self._total_steps}"
            if self._step == self._printed_step and not self._evaluated:
                print(f"{line}: {self._doing} for {time.monotonic() - self._since:.0f} s", flush=True)
                return
            if self._step > self._printed_step:
                line += f" {_losses(self._values)} lr {self._values['learning_rate']:.3g}{self._speed()}"
            if self._evaluated:
                found = f"{_losses(self._evaluated, 'eval_')}{_metrics(self._evaluated)}"
                line += f" | validation at step {self._evaluated_step}: {found}"
            self._printed_step, self._evaluated = self._step, {}
        print(line, flush=True)

    def _speed(self) -> str:
        steps, seconds = self._pace.steps - self._paced[0], self._pace.seconds - self._paced[1]
        self._paced = (self._pace.steps, self._pace.seconds)
        left = self._pace.seconds_left(self._step)
        if not steps or left is None:
            return ""
        return f" {steps * self._batch_size / seconds:.1f} img/s {clock(left)} left"


def _losses(values: Mapping[str, float], prefix: str = "") -> str:
    total = f"{prefix}loss"
    parts = {
        name.removeprefix(prefix).removesuffix("_loss"): value
        for name, value in values.items()
        if name.endswith("_loss") and name != total
    }
    listed = ", ".join(f"{name} {value:.3f}" for name, value in parts.items())
    return f"loss {values[total]:.3f}" + (f" ({listed})" if listed else "")


def _metrics(values: Mapping[str, float]) -> str:
    return "".join(
        f" {name.removeprefix('eval_')} {value:.3f}"
        for name, value in values.items()
        if not name.endswith("loss")
    )


def clock(seconds: float) -> str:
    """Seconds as 0:05 or 1:02:05."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
