"""What does `upcycle lint` cost, next to a bare parse of the same file that can only say yes or no?

Peer: `google.protobuf.text_format.Parse` with the Object Detection API's protos, in a Python process of its
own. Also: what a lint imports, and how long one takes inside a process that has it all loaded.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "detectors" / "demo"
CONFIGS = ROOT.parent / "shared" / "data" / "configs"
ROUNDS = 7
HEAVY = ("tensorflow", "keras", "tfx", "apache_beam", "ml_metadata", "object_detection", "numpy", "PIL")

PARSE = f"""
from google.protobuf import text_format
from detection.config import protos
text_format.Parse(open({str(DEMO / "pipeline.config")!r}).read(), protos.TrainEvalPipelineConfig())
"""
LINT = f"""
import sys
from pipelines.cli import app
try:
    app(["lint", {str(DEMO / "pipeline.config")!r}, "--label-map", {str(DEMO / "label_map.pbtxt")!r}])
except SystemExit as end:
    assert not end.code
"""
MODULES = f"""
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(len(sys.modules), *sorted(loaded & set({HEAVY!r})))
"""


def run(code: str) -> tuple[float, float, str]:
    """Seconds by the clock and of the processor that `code` takes in a new process, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def inside() -> list[float]:
    """Milliseconds of the processor for each config of ../shared/data, or the demo's; all is loaded."""
    from components.config_validator.lint import lint

    paths = sorted(CONFIGS.rglob("*.config")) or [DEMO / "pipeline.config"]
    spent = []
    for path in paths:
        started = time.process_time()
        lint(path, DEMO / "label_map.pbtxt")
        spent.append(1000 * (time.process_time() - started))
    return spent


def main() -> None:
    """Print the best of some rounds, the ratio, and the modules."""
    rounds = [(run(LINT), run(PARSE)) for _ in range(ROUNDS)]
    lint, parse = (min(one[side][0] for one in rounds) for side in (0, 1))
    lint_cpu, parse_cpu = (min(one[side][1] for one in rounds) for side in (0, 1))
    count, *heavy = run(LINT + MODULES)[2].splitlines()[-1].split()
    spent = inside()
    print(
        f"lint of the demo's config with its label map: {lint:.2f} s from start to end, {lint_cpu:.2f} s of "
        f"CPU; a bare parse {parse:.2f} s, {parse_cpu:.2f} s of CPU; ratio {lint_cpu / parse_cpu:.1f}"
    )
    print(f"modules loaded: {count}, heavy ones: {', '.join(heavy) or 'none'}")
    print(
        f"inside a process, {len(spent)} configs: median {statistics.median(spent):.0f} ms, "
        f"worst {max(spent):.0f} ms of CPU"
    )


if __name__ == "__main__":
    main()
