"""How many images a second does the training input give, next to the Object Detection API's?

    python -m benchmarks.training.input_pipeline [--rounds N] [--batches N]

Peer: `object_detection.inputs.train_input`, its TF2 path, on the same TFRecords (photographs of 800x600,
microcontrollers_voc) with the same config: ssd_mobilenet_v2 at 300x300, flips and SSD crops, batches of 8.
Limit: decoding the JPEG files, and nothing else. Each side has a process of its own; they take turns, each
begins its round with a new iterator and batches that are not counted, and while the others work it computes
nothing. Peak memory is what was resident.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detection.config.keras_twins import SUFFIX
from detection.config.pipeline_config import read_pipeline_config

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"
CONFIG = SHARED / "configs/upstream/samples/configs/ssd_mobilenet_v2_coco.config"
BATCH, UNCOUNTED = 8, 8
RECORDS, LABEL_MAP = "train.tfrecord", "label_map.pbtxt"


@dataclass(frozen=True)
class Round:
    """Of one side: seconds of an image, by the clock and of the processor, and the peak memory so far."""

    seconds: float
    processor_s: float
    peak_mb: float


def write_records(folder: Path) -> None:
    """Writes the records and the label map of the photographs."""
    from components.example_gen.encode import examine
    from components.example_gen.read import read_dataset
    from components.example_gen.records import DataOptions
    from components.example_gen.shards import shard_writer
    from detection.config.label_map import read_label_map

    data = (SHARED / "datasets/microcontrollers_voc").resolve()
    (map_file,) = data.rglob("*.pbtxt")
    label_map = read_label_map(map_file)
    options = DataOptions(format="voc", train=(str(data / "images/train"),), label_map=str(map_file))
    with shard_writer(str(folder / RECORDS), False) as write:
        for record in read_dataset(options):
            outcome = examine(record, options, label_map)
            if outcome.example is not None:
                write(outcome.example)
    (folder / LABEL_MAP).write_bytes(map_file.read_bytes())


def _config() -> Any:
    config = read_pipeline_config(CONFIG.resolve())
    config.train_config.batch_size = BATCH
    return config


def upcycle(folder: Path) -> Any:
    """The Trainer's batches."""
    from components.trainer.dataset import make_training_dataset
    from components.trainer.record_checks import Wanted, examine_records
    from detection.augment import build_augmentations
    from detection.builder import build_detector

    config, files = _config(), [folder / RECORDS]
    detector = build_detector(config.model)
    return make_training_dataset(
        files,
        detector.preprocess,
        BATCH,
        seed=1,
        augmentations=build_augmentations(config.train_config.data_augmentation_options),
        num_examples=examine_records(files, Wanted(detector.num_classes)).images,
    )


def od_api(folder: Path) -> Any:
    """The Object Detection API's batches."""
    from detection.tf1 import keras_compat

    keras_compat.install()
    from tensorflow.python.ops import cond, control_flow_case, control_flow_ops

    # where tf_slim's decoder looks for them
    control_flow_ops.case, control_flow_ops.cond = control_flow_case.case, cond.cond
    from object_detection import inputs
    from object_detection.builders import model_builder

    config = _config()
    config.model.ssd.feature_extractor.type += SUFFIX
    config.model.ssd.inplace_batchnorm_update = False  # TF2's builder refuses it
    reader = config.train_input_reader
    reader.label_map_path = str(folder / LABEL_MAP)
    reader.tf_record_input_reader.input_path[:] = [str(folder / RECORDS)]
    model = model_builder.build(config.model, is_training=True, add_summaries=False)
    return inputs.train_input(config.train_config, reader, config.model, model=model)


def decode(folder: Path) -> Any:
    """The limit: JPEG files as pixels."""
    import tensorflow as tf

    from components.trainer.records import ENCODED

    def corner(record: tf.Tensor) -> tf.Tensor:
        feature = {ENCODED: tf.io.FixedLenFeature([], tf.string)}
        image = tf.io.decode_jpeg(tf.io.parse_single_example(record, feature)[ENCODED], channels=3)
        return image[0, 0]  # of images of many sizes

    records = tf.data.TFRecordDataset(str(folder / RECORDS)).repeat()
    return records.map(corner, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)


SIDES: dict[str, Callable[[Path], Any]] = {"decode": decode, "upcycle": upcycle, "od_api": od_api}


def answer(side: str, folder: Path) -> None:
    """Takes as many batches as a line of stdin says, and prints the Round as a line of JSON."""
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    dataset = SIDES[side](folder)
    for line in sys.stdin:
        batches = int(line)
        iterator = iter(dataset)
        for _ in range(UNCOUNTED):
            next(iterator)
        started = time.perf_counter(), time.process_time()
        for _ in range(batches):
            next(iterator)
        ended = time.perf_counter(), time.process_time()
        del iterator
        clock, processor = ((b - a) / (batches * BATCH) for a, b in zip(started, ended, strict=True))
        print(json.dumps(asdict(Round(clock, processor, _peak_mb()))), flush=True)


def _peak_mb() -> float:
    # not ru_maxrss, which counts the process that started this one too
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1e3


def measure(rounds: int, batches: int) -> dict[str, list[Round]]:
    """The rounds of each side, of `batches` each."""
    found: dict[str, list[Round]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as name:
        write_records(Path(name))
        processes = {
            side: subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.training.input_pipeline",
                    "--side",
                    side,
                    "--folder",
                    name,
                ],
                cwd=ROOT,
                env=os.environ
                | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": str(int(side == "od_api"))},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for side in SIDES
        }
        try:
            for number in range(rounds + 1):  # the first warms up
                for side, process in processes.items():
                    assert process.stdin is not None and process.stdout is not None
                    process.stdin.write(f"{batches}\n")
                    process.stdin.flush()
                    line = next(line for line in process.stdout if line.startswith("{"))
                    if number:
                        found[side].append(Round(**json.loads(line)))
        finally:
            for process in processes.values():
                process.kill()
                process.communicate()
    return found


def table(found: dict[str, list[Round]]) -> str:
    """The medians of the rounds as a Markdown table, with the peer's part to each side's below."""
    lines = [
        "| | images/s | slowest to quickest round | processor time of an image | peak memory |",
        "|---|---|---|---|---|",
    ]
    for side, rounds in found.items():
        rates = sorted(1 / one.seconds for one in rounds)
        busy = statistics.median(one.processor_s for one in rounds)
        lines.append(
            f"| {side} | {statistics.median(rates):.0f} | {rates[0]:.0f} to {rates[-1]:.0f} "
            f"| {1e3 * busy:.2f} ms | {rounds[-1].peak_mb:.0f} MB |"
        )
    for side in ("upcycle", "decode"):
        pairs = list(zip(found["od_api"], found[side], strict=True))
        clock = statistics.median(theirs.seconds / ours.seconds for theirs, ours in pairs)
        busy = statistics.median(theirs.processor_s / ours.processor_s for theirs, ours in pairs)
        lines += [
            f"{side} to od_api, images/s, median of the rounds: {clock:.2f} times as good",
            f"{side} to od_api, processor time, median of the rounds: {busy:.2f} times as good",
        ]
    peak = found["upcycle"][-1].peak_mb / found["od_api"][-1].peak_mb
    return "\n".join([*lines, f"upcycle / od_api, peak memory: {peak:.2f}"])


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=40, help="of a round")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        answer(arguments.side, arguments.folder)
        return
    print(table(measure(arguments.rounds, arguments.batches)))


if __name__ == "__main__":
    main()
