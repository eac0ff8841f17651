"""Texts that are something else altogether: named as a whole, before a word of them is read as protobuf."""

from __future__ import annotations

import re

from detection.config.text_fault import TextFault
from detection.config.text_tokens import QUOTES_OF_WORD_PROCESSORS

# what a file is, by the first field in it
_BY_FIRST_FIELD = {
    "item": "label map",
    "items": "label map",
    "model": "pipeline.config",
    "train_config": "pipeline.config",
    "train_input_reader": "pipeline.config",
    "eval_config": "pipeline.config",
    "eval_input_reader": "pipeline.config",
    "graph_rewriter": "pipeline.config",
    "model_checkpoint_path": "`checkpoint` file, which lists the checkpoints of a folder",
    "all_model_checkpoint_paths": "`checkpoint` file, which lists the checkpoints of a folder",
    "node": "frozen graph in text form",
    "saved_model_schema_version": "SavedModel in text form",
    "meta_graphs": "SavedModel in text form",
    "model_config_list": "config of TensorFlow Serving",
    "layer": "Caffe model",
    "names": "YAML file",
    "nc": "YAML file",
}
_PYTHON = re.compile(r'(import \w|from [\w.]+ import |def \w+\(|class \w+[(:]|\w+ = (dict|\{|\[)|""")')
_YAML = re.compile(r"^(---|-\s+\S|[\w.-]+:(\s.*)?)$")
# kinds of file that people keep their classes in
_LISTS = ("CSV table", "JSON file", "YAML file", "Python program", "plain list of names")
_INI = re.compile(r"^\[[\w .-]+\]$")


def refuse_lookalikes(text: str, source: str, kind: str) -> None:
    """Raises TextFault TXT005, TXT006 or TXT011 if `text` is plainly another kind of file than `kind`."""
    stripped = (line.strip() for line in text.splitlines())
    lines = [line for line in stripped if line and not line.startswith("#")]
    if not lines:
        return
    found = _look(text, lines, kind)
    if found is None:
        return
    code, what, fix = found
    line = next(number for number, line in enumerate(text.splitlines(), start=1) if line.strip() == lines[0])
    raise TextFault(code, f"{kind}: this is {what}", source, fix, line, 1)


def _look(text: str, lines: list[str], kind: str) -> tuple[str, str, str] | None:
    first = lines[0]
    if re.match(
        r"<(!doctype|\?xml|html|head|body|annotation|svg|div)\b", first, re.IGNORECASE
    ) or first.startswith("<!--"):
        return "TXT005", "a web page or XML", "download the raw file, not the page around it"
    if re.search(r"^[ \t]*syntax[ \t]*=[ \t]*[\"']proto[23][\"']", text, re.MULTILINE) or (
        re.search(r"^[ \t]*(optional|repeated|required) [\w.]+ \w+ = \d+", text, re.MULTILINE)
    ):
        return "TXT006", "a .proto schema", f"give a {kind}: values, not the schema"
    other = _other_kind(text, lines, kind)
    if other is None:
        return None
    if kind == "label map" and other in _LISTS:
        return "TXT011", f"a {other}", "write item { id: 1 name: '...' } for each class"
    return "TXT011", f"a {other}", f"give the {kind} itself"


def _other_kind(text: str, lines: list[str], kind: str) -> str | None:
    first = lines[0]
    name = re.match(r"([A-Za-z_]\w*)\s*[:{<]", first)
    known = _BY_FIRST_FIELD.get(name.group(1)) if name else None
    if known is not None and known != kind:
        return known
    if first.startswith("{\\rtf"):
        return "word processor's document (RTF)"
    if first[0] in "{[" and re.match(r"[{\[]\s*([\"'{\[}\]]|\d)", "\n".join(lines[:2])):
        return "JSON file"
    if re.match(r"(diff --git|--- \S|\+\+\+ \S|@@ )", first):
        return "diff"
    if _INI.match(first) and len(lines) > 1 and re.match(r"[\w.-]+\s*=", lines[1]):
        return ".cfg or .ini file"
    if _PYTHON.match(first):
        return "Python program"
    if any(brace in text for brace in "{<"):
        return None
    if first.count(",") >= 2 or (all("," in line and ":" not in line for line in lines)):
        return "CSV table"
    if _YAML.match(first) and not any(quote in text for quote in QUOTES_OF_WORD_PROCESSORS):
        return "YAML file"
    if all(re.match(r"[\w .'()/-]+$", line) for line in lines):
        return "plain list of names" if kind == "label map" else "plain text"
    return None
