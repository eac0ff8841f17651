"""What lint finds in every config of upstream's repository, against upstream_findings.tsv.

A person has read that table: these configs did train, so an error in it names what can't run here. After a
change of the rules, write it anew and read the difference:

    python tests/components/config_validator/test_upstream_configs.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))  # as a script; pytest has it there already

from components.config_validator.lint import lint  # noqa: E402

UPSTREAM = ROOT.parent / "shared" / "data" / "configs" / "upstream"
CONFIGS = sorted(UPSTREAM.rglob("*.config"))
TABLE = Path(__file__).with_name("upstream_findings.tsv")
needs_configs = pytest.mark.skipif(not CONFIGS, reason=f"no configs in {UPSTREAM}")


def findings_of(config: Path) -> list[str]:
    """A line for each finding: config, line in it, severity, code, message."""
    name = config.relative_to(UPSTREAM).as_posix()
    rows = []
    for finding in lint(config).findings:
        line = finding.location.removeprefix(str(config)).strip(":").partition(":")[0]
        rows.append("\t".join([name, line, finding.severity, finding.code, finding.message]))
    return rows


def table() -> str:
    """The findings of all configs as they are today."""
    rows = [
        "config\tline\tseverity\tcode\tmessage",
        *(row for config in CONFIGS for row in findings_of(config)),
    ]
    return "\n".join(rows) + "\n"


def rows_of(name: str) -> list[str]:
    """The table's lines about one config."""
    return [row for row in TABLE.read_text(encoding="utf-8").splitlines() if row.startswith(f"{name}\t")]


@needs_configs
def test_there_are_all_configs() -> None:
    assert len(CONFIGS) == 109


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_an_upstream_config_gives_what_a_person_has_judged(config: Path) -> None:
    assert findings_of(config) == rows_of(config.relative_to(UPSTREAM).as_posix())


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
