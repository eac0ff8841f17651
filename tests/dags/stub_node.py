"""Plays `python -m pipelines.plan | run_node | summary | cli rollback` for the DAG tests.

The folder $UPCYCLE_STUB steers it: NODE.json, or DETECTOR.NODE.json, {"exit": CODE, "times": N, "sleep": S,
"hold": true, "print": TEXT, "result": {...}} makes a node fail N times, take S seconds, wait until the order
is taken back, say more, or result in more. Calls are written to calls.jsonl; `beside` in there: an earlier
attempt at the same node of the same run still ran.
"""

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("-m", dest="module")
parser.add_argument("words", nargs="*")
for option in ("detector", "run-id", "steps", "learning-rate", "span", "plan", "node", "result"):
    parser.add_argument(f"--{option}")
for option in ("data", "checkpoint", "only", "publish-anyway", "unknown", "triggered-by", "to", "why"):
    parser.add_argument(f"--{option}")
parser.add_argument("--force", action="store_true")
options = parser.parse_args()
folder = Path(os.environ["UPCYCLE_STUB"])
node = options.node or options.module.rpartition(".")[2]
run_dir = Path(options.plan or folder / "runs" / Path(options.detector or "").stem / (options.run_id or ""))
LEFT_OUT = {"evaluate": ["Trainer", "Pusher"], "convert": ["ExampleGen", "Trainer", "Evaluator", "Pusher"]}


def record(**facts: object) -> None:
    with open(folder / "calls.jsonl", "a", encoding="utf-8") as calls:
        calls.write(json.dumps(facts) + "\n")


def is_beside() -> bool:
    """Whether another attempt runs; the lock is this process's until it ends, however it ends."""
    name = f"{run_dir}/{node}.lock".replace("/", "_")
    try:
        fcntl.flock(os.open(folder / name, os.O_CREAT | os.O_WRONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


record(
    **vars(options)
    | {"node": node, "run": run_dir.name, "pid": os.getpid(), "environment": sorted(os.environ)}
    | {"beside": is_beside()}
)
steering = folder / f"{run_dir.parent.name}.{node}.json"
if not steering.is_file():
    steering = folder / f"{node}.json"
order: dict[str, Any] = {}
if steering.is_file():
    order = json.loads(steering.read_text(encoding="utf-8"))
    if order.get("sleep"):
        # A helper process, as Beam has; and an end by signal that leaves a trace
        parent = os.getppid()
        helper = subprocess.Popen(["sleep", str(order["sleep"])])
        record(node=node, helper=helper.pid)

        def stopped(number: int, frame: object) -> None:
            record(node=node, signal=number)
            if os.getppid() != parent:  # nobody else is there to do it
                helper.terminate()
            sys.exit(1)

        signal.signal(signal.SIGTERM, stopped)
print(f"{node} works", flush=True)  # and is ready for signals
if order:
    if order.get("print"):
        print(order["print"], flush=True)
    time.sleep(order.get("sleep", 0))
    while order.get("hold") and steering.is_file():
        time.sleep(0.1)
    if order.get("times", 0) > 0:
        steering.write_text(json.dumps(order | {"times": order["times"] - 1}), encoding="utf-8")
        print("the label map is empty\n  where: label_map.pbtxt\n  fix:   add items", file=sys.stderr)
        sys.exit(order["exit"])
if node in ("summary", "cli"):
    print("mAP_50 0.91, version 1 serves")
    sys.exit()
if node == "plan":
    result = {"run_dir": str(run_dir), "left_out": LEFT_OUT.get(options.only, [])}
else:
    result = {"node": node, "cached": node == "ExampleGen", "seconds": 0.1, "outputs": {}}
    if node == "Evaluator":
        output = Path(os.environ["UPCYCLE_HOME"]) / "signs" / "evaluation"
        output.mkdir(parents=True, exist_ok=True)
        (output / "report.html").write_text("<p>the report</p>", encoding="utf-8")
        result["outputs"] = {"evaluation": str(output)}
    result |= order.get("result", {})
Path(options.result).write_text(json.dumps(result), encoding="utf-8")
