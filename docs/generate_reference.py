"""Writes docs/rules.md and the field tables of docs/detectors.md from the code they describe.

`python docs/generate_reference.py` writes; a test fails when the pages and the code disagree.
"""

from __future__ import annotations

from pathlib import Path

from components.config_validator.explain import Explanation, explanations
from components.example_gen.rules import RULES as DATA_RULES
from pipelines.spec import DetectorSpec

DOCS = Path(__file__).resolve().parent
BEGIN, END = "<!-- fields: begin -->", "<!-- fields: end -->"
# of the codes with each prefix: title and introduction
SECTIONS = {
    "CFG": ("pipeline.config", "Asked by `upcycle lint` and ConfigValidator of a config that can be read."),
    "TXT": ("Text", "Why a pipeline.config or label map can't be read."),
    "OLD": ("Old fields", "Fields of other versions of the Object Detection API, carried over."),
    "MAP": ("Label maps", "Items that a label map can't have."),
    "INP": ("Other inputs of `upcycle lint`", "The rules then ask about the rest."),
}


def rules_page() -> str:
    """docs/rules.md: every code of the config rules, of texts and of the data checks."""
    lines = [
        "# Rules",
        "",
        "Codes are stable: reports, tests and scripts may name them. This page is generated from the code;",
        "`upcycle lint --explain CFG012` adds an example. [config.md](config.md) says how findings are dealt",
        "with, [data.md](data.md) what is done about each code of data.",
        "",
        "Safe: `--fix` and ConfigValidator make the change themselves, where nothing is left to decide.",
    ]
    for prefix, (title, about) in SECTIONS.items():
        lines += ["", f"## {title}", "", about, "", "| code | severity | about | why | fix | safe? |"]
        lines.append("|---|---|---|---|---|---|")
        lines += [_row(entry) for entry in explanations().values() if entry.code.startswith(prefix)]
    lines += ["", "## Data (ExampleGen's quarantine.jsonl)", "", "| code | about |", "|---|---|"]
    lines += [f"| {code} | {title} |" for code, title in DATA_RULES.items()]
    return "\n".join(lines) + "\n"


def _row(entry: Explanation) -> str:
    """A row of a table of codes."""
    severities, safe = ", ".join(entry.severities), "yes" if entry.safe else "no"
    cells = (entry.code, severities, entry.title, entry.why, entry.fix, safe)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def field_tables() -> str:
    """A table for each section of a detector's YAML."""
    parts = []
    for name, section in DetectorSpec.model_fields.items():
        fields = getattr(section.annotation, "model_fields", None)
        if fields is None:
            continue
        parts.append(f"### `{name}:`\n\n{section.annotation.__doc__}\n")
        parts.append("| field | meaning | default |\n|---|---|---|")
        for field_name, field in fields.items():
            default = "required" if field.is_required() else field.get_default(call_default_factory=True)
            shown = (
                {None: "none", "required": "required"}.get(default)
                if isinstance(default, str | None)
                else None
            )
            parts.append(f"| `{field_name}` | {field.description} | {shown or f'`{default}`'} |")
        parts.append("")
    return "\n".join(parts)


def detectors_page(text: str) -> str:
    """`text` of docs/detectors.md with the tables between its two markers made again."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{field_tables()}{END}{tail}"


def main() -> None:
    """Write both pages."""
    (DOCS / "rules.md").write_text(rules_page(), encoding="utf-8")
    page = DOCS / "detectors.md"
    page.write_text(detectors_page(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
