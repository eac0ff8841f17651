"""What does publishing cost, next to one plain copy of the same bytes?

Peer: shutil.copytree of the version's files to the same disk, each file and folder then flushed (fsync): a
copy that a power cut can take back is no publication. Also: the same copy without flushing. Publishing is all
of `publish()` but the test of the copy, which loads the model and runs one image whatever its size. All sides
in turn, into new folders, and the median of the rounds; before each the disk is idle (os.sync).
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from components.pusher.durable import sync_tree
from components.pusher.publish import publish

MEGABYTES = int(sys.argv[1]) if len(sys.argv) > 1 else 200
ROUNDS = 7
MANIFEST = {"detector": "signs", "run_id": "bench", "fingerprint": "f" * 64, "baseline": "", "facts": {}}


def make_model(directory: Path) -> Path:
    """A trained model's folder with random weights, and a graph of 3 MB."""
    variables = directory / "saved_model" / "variables"
    variables.mkdir(parents=True)
    draw = random.Random(3)
    (directory / "saved_model" / "saved_model.pb").write_bytes(draw.randbytes(3 << 20))
    (variables / "variables.index").write_bytes(draw.randbytes(20_000))
    with (variables / "variables.data-00000-of-00001").open("wb") as stream:
        for _ in range(MEGABYTES):
            stream.write(draw.randbytes(1 << 20))
    (directory / "label_map.pbtxt").write_text("item { id: 1 name: 'stop' }\n")
    (directory / "pipeline.config").write_text("model { ssd { num_classes: 1 } }\n")
    return directory


def plain_copy(model: Path, target: Path) -> None:
    """Copy, and no more."""
    shutil.copytree(model, target)


def flushed_copy(model: Path, target: Path) -> None:
    """Copy, then flush every file and folder."""
    shutil.copytree(model, target)
    for path in target.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
    sync_tree(target)


def main() -> None:
    """Print the seconds of each side, and the ratios."""
    sides: dict[str, Callable[[Path, Path], object]] = {
        "plain copy, flushed": flushed_copy,
        "plain copy": plain_copy,
        "publish": lambda model, target: publish(model, target, MANIFEST, warmup=b"requests"),
    }
    spent: dict[str, list[float]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory(prefix="upcycle-bench-") as folder:
        model = make_model(Path(folder) / "model")
        for number in range(ROUNDS):
            for name, work in sides.items():
                target = Path(folder) / f"{number}-{len(name)}"
                os.sync()
                started = time.perf_counter()
                work(model, target)
                spent[name].append(time.perf_counter() - started)
                shutil.rmtree(target)
    took = {name: statistics.median(values) for name, values in spent.items()}
    peer = took["plain copy, flushed"]
    print(f"{MEGABYTES} MB, median of {ROUNDS}")
    for name, value in took.items():
        print(f"  {name:20} {value:6.2f} s   {value / peer:5.2f} of a flushed copy")


if __name__ == "__main__":
    main()
