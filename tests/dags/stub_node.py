"""Plays `python -m pipelines.plan | run_node | summary | cli rollback` for the DAG tests.

The folder $UPCYCLE_STUB steers it: NODE.json {"exit": CODE, "times": N, "sleep": S} makes a node fail N
times or take S seconds; calls are written to calls.jsonl.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("-m", dest="module")
parser.add_argument("words", nargs="*")
for option in ("detector", "run-id", "steps", "learning-rate", "span", "plan", "node", "result"):
    parser.add_argument(f"--{option}")
for option in ("triggered-by", "to", "why"):
    parser.add_argument(f"--{option}")
parser.add_argument("--force", action="store_true")
options = parser.parse_args()
folder = Path(os.environ["UPCYCLE_STUB"])
node = options.node or options.module.rpartition(".")[2]


def record(**facts: object) -> None:
    with open(folder / "calls.jsonl", "a", encoding="utf-8") as calls:
        calls.write(json.dumps(facts) + "\n")


record(**vars(options) | {"node": node, "pid": os.getpid(), "environment": sorted(os.environ)})
if node in ("summary", "cli"):
    print("mAP_50 0.91, version 1 serves")
    sys.exit()
print(f"{node} works", flush=True)
steering = folder / f"{node}.json"
if steering.is_file():
    order = json.loads(steering.read_text(encoding="utf-8"))
    if order.get("sleep"):
        # A helper process, as Beam has; and an end by signal that leaves a trace
        helper = subprocess.Popen(["sleep", str(order["sleep"])])
        record(node=node, helper=helper.pid)

        def stopped(number: int, frame: object) -> None:
            record(node=node, signal=number)
            sys.exit(1)

        signal.signal(signal.SIGTERM, stopped)
        time.sleep(order["sleep"])
    if order.get("times", 0) > 0:
        steering.write_text(json.dumps(order | {"times": order["times"] - 1}), encoding="utf-8")
        print("the label map is empty\n  where: label_map.pbtxt\n  fix:   add items", file=sys.stderr)
        sys.exit(order["exit"])
if node == "plan":
    result = {"run_dir": str(folder / "run of today")}
else:
    result = {"node": node, "cached": node == "ExampleGen", "seconds": 0.1, "outputs": {}}
    if node == "Evaluator":
        output = Path(os.environ["UPCYCLE_HOME"]) / "signs" / "evaluation"
        output.mkdir(parents=True, exist_ok=True)
        (output / "report.html").write_text("<p>the report</p>", encoding="utf-8")
        result["outputs"] = {"evaluation": str(output)}
Path(options.result).write_text(json.dumps(result), encoding="utf-8")
