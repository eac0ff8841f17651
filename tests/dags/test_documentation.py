from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TASKS = (
    "plan",
    "ExampleGen",
    "ConfigValidator",
    "CheckpointConverter",
    "Trainer",
    "Evaluator",
    "Pusher",
    "summary",
)


@pytest.mark.parametrize("task_id", TASKS)
def test_a_tasks_page_is_its_codes_docstring(task_id):
    from dags.documentation import task_page

    page = task_page(task_id)
    file = ROOT / re.search(r"Code: `(.+)`", page)[1]
    source = file.read_text()
    if task_id in ("plan", "summary"):
        said = source.split('"""')[1]
    else:
        said = source.split(f"\nclass {task_id}(", 1)[1].split('"""')[1]
        assert file.parent.parent == ROOT / "components"
        arguments = source.split("Args:\n", 1)[1].split('"""', 1)[0]
        names = re.findall(r"^ {10}(\w+):", arguments, re.MULTILINE)
        assert names and re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == names
    assert said.strip().splitlines()[0] in page
    assert len(said.strip()) > 30


def test_a_meaning_of_several_lines_is_one_row():
    from dags.documentation import task_page

    page = task_page("ExampleGen")
    row = next(line for line in page.splitlines() if line.startswith("| `previous_statistics`"))
    assert row.endswith("|") and "if there is none" in row


def test_the_dags_page_says_of_what_somebody_is_told_and_not_whom(load_dags, detectors, detector_yaml):
    path = detectors / "signs.yaml"
    assert "tells of: nothing" in load_dags().dags["retrain_signs"].doc_md
    path.write_text(
        detector_yaml("signs")
        + "alerts: {to: 'slack://token-a/token-b/c', on: [failure, silence], silent_days: 7}\n"
    )
    page = load_dags().dags["retrain_signs"].doc_md
    assert "- tells of: failure, silence for 7 days\n" in page and "token" not in page
    assert f"- detector file: `{path}`" in page and "publishes if mAP_50 >= 0.4" in page
