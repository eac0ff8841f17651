"""Writes docs/rules.md and the field tables of docs/detectors.md from the code they describe.

`python docs/generate_reference.py` writes; a test fails when the pages and the code disagree.
"""

from __future__ import annotations

from pathlib import Path

from components.config_validator.rules import RULES as CONFIG_RULES
from components.example_gen.records import RULES as DATA_RULES
from pipelines.spec import DetectorSpec

DOCS = Path(__file__).resolve().parent
BEGIN, END = "<!-- fields: begin -->", "<!-- fields: end -->"


def rules_page() -> str:
    """docs/rules.md: every code of the config rules and of the data checks."""
    lines = [
        "# Rules",
        "",
        "Codes are stable: reports, tests and scripts may name them. This page is generated from the code.",
        "",
        "## pipeline.config (`upcycle lint`, ConfigValidator)",
        "",
        "| code | about | why |",
        "|---|---|---|",
    ]
    for rule in CONFIG_RULES:
        why = " ".join((rule.check.__doc__ or "").split())
        lines.append(f"| {rule.code} | {rule.title} | {why} |")
    lines += ["", "## Data (ExampleGen's quarantine.jsonl)", "", "| code | about |", "|---|---|"]
    lines += [f"| {code} | {title} |" for code, title in DATA_RULES.items()]
    return "\n".join(lines) + "\n"


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
