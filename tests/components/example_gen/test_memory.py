"""Memory doesn't grow with the data set: 20,000 small images need at most 1.2 times what 2,000 do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

INGEST = """
import resource, sys
from pathlib import Path
from components.example_gen.ingest import Outputs, ingest
from detection.config.label_map import read_label_map

folder = Path(sys.argv[1])
outputs = Outputs(*(str(folder / name) for name in ("examples", "quarantine", "statistics", "schema")))
data = {"train": str(folder / "train"), "label_map": str(folder / "label_map.pbtxt")}
statistics = ingest(data, read_label_map(folder / "label_map.pbtxt"), outputs)
print(statistics.images_written, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
"""


def write_images(folder, count, jpeg, xml):
    """Different images made from one: a comment of its own stands after the first marker."""
    (folder / "train").mkdir(parents=True)
    (folder / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' }\n")
    for number in range(count):
        comment = f"{number:08d}".encode()
        data = jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
        (folder / "train" / f"{number:06d}.jpg").write_bytes(data)
        (folder / "train" / f"{number:06d}.xml").write_text(xml)


def peak_mb(folder, count):
    ran = subprocess.run(
        [sys.executable, "-c", INGEST, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    written, peak = ran.stdout.split()[-2:]
    assert int(written) == count
    return float(peak)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_data_set(tmp_path, jpeg, xml_of):
    image = jpeg(1, size=(96, 96))
    xml = xml_of("x.jpg", [("cat", (10, 20, right, 60)) for right in (40, 50, 60)], (96, 96))
    peaks = {}
    for count in (2_000, 20_000):
        write_images(tmp_path / str(count), count, image, xml)
        peaks[count] = peak_mb(tmp_path / str(count), count)
    print({count: f"{peak:.0f} MB" for count, peak in peaks.items()})
    assert peaks[20_000] <= 1.2 * peaks[2_000], peaks
