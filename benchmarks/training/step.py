"""What does a training step cost, its first one too, beside the Object Detection API's TF2 step?

    python -m benchmarks.training.step [--case NAME] [--rounds N] [--json FILE]

Peer: `model_lib_v2.eager_train_step` under tf.function, with the Keras model of the same config. Limit: the
network's bare forward and backward pass. All train the same batch in processes of their own, which live side
by side and take turns, so that a noisy machine slows all alike; what is compared are medians of all rounds.

Seconds are by the clock, and of the processor, which others on the machine disturb less. The first step
traces the graph; `build` before it makes the model and its variables. Peak memory is what was resident.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.training.sides import SIDES
from detection.config.pipeline_config import read_pipeline_config, write_pipeline_config

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "../shared/data/configs/upstream/samples/configs"
ROUNDS, STEPS_A_ROUND = 5, 4


@dataclass(frozen=True)
class Case:
    """One of the OD API's sample configs, at an image size and a batch size."""

    config: str
    size: int
    batch_size: int


CASES = {
    "ssd_mobilenet_v2_300": Case("ssd_mobilenet_v2_coco.config", 300, 8),
    "ssd_resnet50_v1_fpn_320": Case(
        "ssd_resnet50_v1_fpn_shared_box_predictor_640x640_coco14_sync.config", 320, 4
    ),
}


@dataclass(frozen=True)
class Cost:
    """Of one side: its median step, its first one and its build in seconds, and its peak memory."""

    step_s: float
    step_cpu_s: float
    first_step_s: float
    first_step_cpu_s: float
    build_s: float
    peak_mb: float


def case_config(case: Case) -> Any:
    """The case's TrainEvalPipelineConfig.

    Without moving averages, which the OD API computes with a package that its wheel does not ask for.
    """
    config = read_pipeline_config((CONFIGS / case.config).resolve())
    resizer = config.model.ssd.image_resizer.fixed_shape_resizer
    resizer.height = resizer.width = case.size
    config.train_config.batch_size = case.batch_size
    config.train_config.optimizer.use_moving_average = False
    return config


class Process:
    """A side at work; see benchmarks.training.sides for what it answers."""

    def __init__(self, side: str, folder: Path) -> None:
        variables = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        if side == "od_api":
            variables["TF_USE_LEGACY_KERAS"] = "1"
        self._errors = (folder / f"{side}.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.training.sides", side, str(folder)],
            cwd=ROOT,
            env=os.environ | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.start = self._answer()
        self.steps: list[list[float]] = []
        self.peak_mb = 0.0

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def round(self, steps: int) -> None:
        """Do some steps, while the other sides wait."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.steps += answer["steps"]
        self.peak_mb = answer["peak_mb"]

    def cost(self) -> Cost:
        """Of the rounds so far."""
        clock, processor = (statistics.median(column) for column in zip(*self.steps, strict=True))
        first, first_processor = self.start["first"]
        return Cost(clock, processor, first, first_processor, self.start["build"][0], self.peak_mb)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        self._errors.seek(0)
        raise RuntimeError(f"a side ended: {self._errors.read()[-3000:]}")


def measure(config: Any, rounds: int = ROUNDS, steps: int = STEPS_A_ROUND) -> dict[str, Cost]:
    """The cost of each side of `SIDES` for one config; the first of all rounds only warms up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pipeline_config(config, folder / "pipeline.config")
        processes: dict[str, Process] = {}
        try:
            for side in SIDES:
                processes[side] = Process(side, folder)
            for number in range(rounds + 1):
                for process in processes.values():
                    process.round(steps)
                    if number == 0:
                        process.steps.clear()
            return {side: process.cost() for side, process in processes.items()}
        finally:
            for process in processes.values():
                process.__exit__(None, None, None)


def ratios(costs: dict[str, Cost]) -> dict[str, float]:
    """Upcycle's part of the peer's cost, and of the bare passes' step."""
    ours, peer, limit = costs["upcycle"], costs["od_api"], costs["bare"]
    return {
        "step": ours.step_s / peer.step_s,
        "step_cpu": ours.step_cpu_s / peer.step_cpu_s,
        "first_step": ours.first_step_s / peer.first_step_s,
        "first_step_cpu": ours.first_step_cpu_s / peer.first_step_cpu_s,
        "peak": ours.peak_mb / peer.peak_mb,
        "step_to_bare": ours.step_s / limit.step_s,
        "step_to_bare_cpu": ours.step_cpu_s / limit.step_cpu_s,
    }


def table(name: str, case: Case, costs: dict[str, Cost]) -> str:
    """The costs as a Markdown table, with the ratios below."""
    titles = {"upcycle": "Upcycle", "bare": "bare passes", "od_api": "OD API"}
    part = {name: f"{value:.2f}" for name, value in ratios(costs).items()}
    return "\n".join(
        [
            f"{name}, batch {case.batch_size}:",
            "",
            "| | step | CPU of it | first step | CPU of it | build | peak memory |",
            "|---|---|---|---|---|---|---|",
            *(
                f"| {titles[side]} | {cost.step_s:.2f} s | {cost.step_cpu_s:.2f} s "
                f"| {cost.first_step_s:.1f} s | {cost.first_step_cpu_s:.1f} s "
                f"| {cost.build_s:.1f} s | {cost.peak_mb:.0f} MB |"
                for side, cost in costs.items()
            ),
            "",
            f"Upcycle / OD API: step {part['step']} (CPU {part['step_cpu']}), "
            f"first step {part['first_step']} (CPU {part['first_step_cpu']}), peak memory {part['peak']}; "
            f"Upcycle / bare passes: step {part['step_to_bare']} (CPU {part['step_to_bare_cpu']})",
        ]
    )


def main() -> None:
    """Measure the cases and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    results = {}
    for name in arguments.case or CASES:
        case = CASES[name]
        costs = measure(case_config(case), arguments.rounds)
        print(table(name, case, costs), end="\n\n", flush=True)
        results[name] = {
            "case": asdict(case),
            "costs": {side: asdict(cost) for side, cost in costs.items()},
            "ratios": ratios(costs),
        }
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
