"""What do ExampleGen's checks cost an image, next to the Object Detection API's script, which has none?

Peers, on the same photographs and COCO annotations, each in a process of its own:
- `script`: object_detection/dataset_tools/create_coco_tf_record.py, as its own main function calls it. It
  reads each JPEG's header, and writes one record after the other.
- `loop`: ExampleGen's reader and checks, and a TFRecordWriter, in a plain loop.
- `plain`: all that the pipeline does, without Beam: images are hashed first, which decides their split and
  place, then checked and written in that order, with rows and statistics.

`pipeline` is the same through Beam, `workers` the pipeline on two processes more, and `ingest` the whole
node: also the statistics' files, the report and the contact sheets, most of which cost the same however many
images there are. `read` is the reader alone.

Images a second are by the clock. Beam's start is the same for few images as for many, in processes of its own
above all, which import everything anew: so they are also told without the time that 40 small images take, and
`--images 20000` shows what is left of it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from components.example_gen.shards import shard_count

ROOT = Path(__file__).resolve().parents[1]
IMAGES = 4000
PICTURES = 50  # that differ in their pixels
ROUNDS = 3
FEW = 40
WORKERS = ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2")
BOXES = 4
SIZE = (800, 600)
SCALES = (10**6, 10**8)
CLASSES = ("car", "van", "bus", "cyclist")


def write_dataset(folder: Path, count: int, size: tuple[int, int] = SIZE) -> None:
    """Writes `count` different JPEGs, about 60 KB at 800x600, annotations.json and label_map.pbtxt."""
    (folder / "images").mkdir(parents=True)
    chance = np.random.default_rng(7)
    noise = chance.integers(0, 255, (size[1] * 2, size[0] * 2, 3), dtype=np.uint8)
    scene = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2.2))
    pictures = []
    for _ in range(min(count, PICTURES)):
        left, top = (int(chance.integers(0, side)) for side in size)
        buffer = io.BytesIO()
        scene.crop((left, top, left + size[0], top + size[1])).save(buffer, "JPEG", quality=80)
        pictures.append(buffer.getvalue())
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(count):
        picture, comment = pictures[number % len(pictures)], f"image {number:08d}".encode()
        # A comment of its own: no two files have the same bytes.
        marker = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big")
        name = f"{number:06d}.jpg"
        (folder / "images" / name).write_bytes(picture[:2] + marker + comment + picture[2:])
        images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        for _ in range(BOXES):
            x, y = (int(chance.integers(0, side * 3 // 4)) for side in size)
            width, height = (int(chance.integers(8, side // 4)) for side in size)
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": int(chance.integers(1, len(CLASSES) + 1)),
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": index, "name": name} for index, name in enumerate(CLASSES, 1)]
    data = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "images" / "annotations.json").write_text(json.dumps(data))
    items = "".join(f"item {{ id: {index} name: '{name}' }}\n" for index, name in enumerate(CLASSES, 1))
    (folder / "label_map.pbtxt").write_text(items)


def script(data: Path, out: Path, compress: bool) -> None:
    """The OD API's script: one shard, no compression."""
    from detection.tf1.compat import hook_imports

    hook_imports()
    sys.modules.setdefault("contextlib2", contextlib)  # an old name of the same thing, not installed here
    from object_detection.dataset_tools import create_coco_tf_record

    create_coco_tf_record._create_tf_record_from_coco_annotations(
        str(data / "images" / "annotations.json"), str(data / "images"), str(out / "train.record"), False, 1
    )


def _options(data: Path, compress: bool) -> Any:
    from components.example_gen.records import DataOptions

    return DataOptions(
        format="coco",
        train=(str(data / "images" / "annotations.json"),),
        label_map=str(data / "label_map.pbtxt"),
        compress=compress,
    )


def loop(data: Path, out: Path, compress: bool) -> None:
    """Reader, checks and writer without Beam."""
    from components.example_gen.encode import examine
    from components.example_gen.read import read_dataset
    from components.example_gen.shards import shard_writer
    from detection.config.label_map import read_label_map

    options = _options(data, compress)
    label_map = read_label_map(data / "label_map.pbtxt")
    with shard_writer(str(out / "train.record"), compress) as write:
        for record in read_dataset(options):
            outcome = examine(record, options, label_map)
            if outcome.example is not None:
                write(outcome.example)


def plain(data: Path, out: Path, compress: bool) -> None:
    """What the pipeline does, without Beam; one shard a split."""
    from components.example_gen.collector import only_new_objects
    from components.example_gen.content import NOTHING, Content
    from components.example_gen.encode import examine, split_of
    from components.example_gen.read import read_dataset
    from components.example_gen.row_files import write_rows
    from components.example_gen.shard_report import ShardReport
    from components.example_gen.shards import shard_writer
    from components.example_gen.tfdv_statistics import TabularStatistics
    from detection.config.label_map import read_label_map

    TabularStatistics().result()  # imports TFDV, in the first run, which has too few images to need it
    options = _options(data, compress)
    label_map = read_label_map(data / "label_map.pbtxt")
    entries: dict[str, list[tuple[Content, str, Any]]] = {split: [] for split in options.splits}
    records = read_dataset(options)
    with only_new_objects():  # as in the pipeline
        for record in records:
            content = Content.of(record.source.read()) if record.source else NOTHING
            entries[record.split or split_of(content.sha256, options)].append((content, record.name, record))
        for split, found in entries.items():
            report = ShardReport(split)
            listed = []
            with shard_writer(str(out / split), compress) as write, open(out / f"{split}.rows", "wb") as rows:
                for content, _, record in sorted(found, key=lambda entry: entry[:2]):
                    outcome = examine(record, options, label_map, content)
                    if outcome.example is not None:
                        write(outcome.example)
                    report.add(record, outcome)
                    listed.append(outcome.row())
                write_rows(listed, rows)
            report.write(str(out / f"{split}.report"))


def read(data: Path, out: Path, compress: bool) -> None:
    """The annotations alone."""
    from components.example_gen.read import read_dataset

    read_dataset(_options(data, compress))


def workers(data: Path, out: Path, compress: bool) -> None:
    """The pipeline on two processes, which Beam starts and ends."""
    pipeline(data, out, compress, WORKERS)


def pipeline(data: Path, out: Path, compress: bool, beam_args: Sequence[str] = ()) -> None:
    """The same as `plain` through Beam, inside this process without `beam_args`."""
    from components.example_gen.beam_pipeline import new_work_folder, write_examples
    from components.example_gen.read import read_dataset
    from detection.config.label_map import read_label_map

    options = _options(data, compress)
    label_map = read_label_map(data / "label_map.pbtxt")
    work = new_work_folder(str(out))
    write_examples(read_dataset(options), options, label_map, str(out), work, list(beam_args))


def ingest(data: Path, out: Path, compress: bool) -> None:
    """All that the node does."""
    from components.example_gen.ingest import Outputs
    from components.example_gen.ingest import ingest as whole
    from detection.config.label_map import read_label_map

    outputs = Outputs(*(str(out / name) for name in ("examples", "quarantine", "statistics", "schema")))
    whole(_options(data, compress), read_label_map(data / "label_map.pbtxt"), outputs)


SIDES = {
    "script": script,
    "loop": loop,
    "plain": plain,
    "pipeline": pipeline,
    "workers": workers,
    "ingest": ingest,
    "read": read,
}


def measure(side: str, data: Path, compress: bool) -> dict[str, float]:
    """Seconds, CPU seconds and peak memory (MB) of one side in a new process, its imports left out.

    `start` and `start_cpu` are those of few images. CPU counts the processes that the side starts, too.
    """
    command = [sys.executable, "-m", "benchmarks.bench_example_gen", "--side", side, "--data", str(data)]
    command += ["--compress"] if compress else []
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    measured: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return measured


def run_side(side: str, data: Path, compress: bool) -> None:
    """What the new process does: one side, its cost as the last line of stdout."""
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder)
        write_dataset(few, FEW, (64, 64))
        _cost(side, few, compress)  # imports, and Beam's first use
        start, start_cpu = _cost(side, few, compress)
    seconds, cpu = _cost(side, data, compress)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    found = {"seconds": seconds, "cpu": cpu, "start": start, "start_cpu": start_cpu, "peak_mb": peak}
    print(json.dumps(found))


def _cost(side: str, data: Path, compress: bool) -> tuple[float, float]:
    """Seconds by the clock, and of CPU, also of processes that were started and have ended."""
    with tempfile.TemporaryDirectory() as folder:
        started, cpu = time.perf_counter(), _cpu()
        SIDES[side](data, Path(folder), compress)
        return time.perf_counter() - started, _cpu() - cpu


def _cpu() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def cost_table(cpu_ms: float, read_ms: float, record_kb: float, image_kb: float) -> str:
    """docs/scale.md's table: what so much a record comes to.

    Args:
      cpu_ms: CPU of the pipeline; `read_ms`: of the reader, in the process that starts it; a record.
      record_kb: memory of a record's annotation in that process.
      image_kb: bytes of an image.
    """
    rows = [["images", *(f"{number // 10**6} million" for number in SCALES)], ["---"] * (1 + len(SCALES))]
    work: dict[str, Callable[[int], str]] = {
        "CPU of the workers": lambda n: f"{n * cpu_ms / 3.6e6:.2f} hours",
        "read from storage, twice": lambda n: f"{2 * n * image_kb / 1e9:.1f} TB",
        "hours of one worker at 100 MB/s": lambda n: f"{2 * n * image_kb / 1e5 / 3600:.1f}",
        "written": lambda n: f"{n * image_kb / 1e9:.2f} TB",
        "shards": lambda n: f"{shard_count(int(n * image_kb * 1e3)):,}",
        "reading the annotations, CPU": lambda n: f"{n * read_ms / 3.6e6:.2f} hours",
        "memory of the annotations": lambda n: f"{n * record_kb / 1e6:.1f} GB",
    }
    rows += [[what, *(of(number) for number in SCALES)] for what, of in work.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """Print CPU a record and images a second of each side, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--compress", action="store_true")
    parser.add_argument("--images", type=int, default=IMAGES)
    arguments = parser.parse_args()
    if arguments.side:
        run_side(arguments.side, arguments.data, arguments.compress)
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_dataset(data, arguments.images)
        found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for number in range(ROUNDS):
            for side in SIDES:
                if side != "workers" or not number:  # their start alone takes longer than all the rest
                    found[side].append(measure(side, data, arguments.compress))
    images = arguments.images
    cpu = {side: min(one["cpu"] for one in found[side]) * 1e3 / images for side in SIDES}
    rate = {side: images / min(one["seconds"] for one in found[side]) for side in SIDES}
    running = {side: images / min(one["seconds"] - one["start"] for one in found[side]) for side in SIDES}
    start = {side: min(one["start_cpu"] for one in found[side]) for side in SIDES}
    peak = {side: max(one["peak_mb"] for one in found[side]) for side in SIDES}
    for side in SIDES:
        print(
            f"{side:9} {cpu[side]:.3f} ms CPU a record, {rate[side]:.0f} images/s "
            f"({running[side]:.0f} without the start, {start[side]:.2f} s CPU), peak {peak[side]:.0f} MB"
        )
    print(
        f"example_gen, {images} JPEGs of {SIZE[0]}x{SIZE[1]}: CPU loop / script "
        f"{cpu['loop'] / cpu['script']:.2f}, plain / script {cpu['plain'] / cpu['script']:.2f}, "
        f"pipeline / script {cpu['pipeline'] / cpu['script']:.2f}, "
        f"pipeline / plain {cpu['pipeline'] / cpu['plain']:.2f}, pipeline / loop "
        f"{cpu['pipeline'] / cpu['loop']:.2f}; images/s pipeline / script "
        f"{rate['pipeline'] / rate['script']:.2f}, workers / script {rate['workers'] / rate['script']:.2f} "
        f"({running['workers'] / running['script']:.2f} without the start)"
    )


if __name__ == "__main__":
    main()
