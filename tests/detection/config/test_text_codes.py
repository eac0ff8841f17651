"""Every code that the code can raise is in the table, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

from detection.config import text_codes, upgrades
from detection.config.label_map import parse_label_map
from detection.config.old_fields import OLD_FIELDS
from detection.config.pipeline_config import parse_config
from detection.config.text_fault import TextFault

CODE = re.compile(r'"((?:TXT|MAP)\d{3})"')


def test_the_table_has_the_codes_that_are_raised() -> None:
    raised: set[str] = set()
    for path in Path(text_codes.__file__).parent.glob("*.py"):
        if path.name != "text_codes.py":
            raised |= set(CODE.findall(path.read_text()))
    assert [entry.code for entry in text_codes.TEXT_CODES] == sorted(raised)


def test_the_table_of_upgrades_has_the_codes_of_the_old_fields() -> None:
    assert [entry.code for entry in upgrades.UPGRADES] == sorted({code for code, _ in OLD_FIELDS.values()})


def test_entries_are_complete() -> None:
    for entry in (*text_codes.TEXT_CODES, *upgrades.UPGRADES):
        assert entry.title and entry.why.endswith(".") and entry.fix
        assert entry.example or entry.code == "TXT013"


def test_examples_have_the_fault_that_they_stand_for() -> None:
    not_text = {"TXT012", "TXT013", "TXT019", "TXT020"}  # faults of the file, not of words in it
    surroundings = {
        "TXT002": "model { ssd { feature_extractor { conv_hyperparams { %s } } } }",
        "TXT004": "model { ssd { feature_extractor { %s } } }",
        "TXT008": "model { ssd { %s }",
        "TXT009": "model { ssd { %s } }",
        "TXT010": "train_input_reader { tf_record_input_reader { %s } }",
        "TXT017": "model { ssd { feature_extractor { %s",
        "TXT018": "model { ssd { %s } }",
    }
    for entry in text_codes.TEXT_CODES:
        if entry.code in not_text:
            continue
        text = surroundings.get(entry.code, "model { %s }" if entry.example.startswith("ssd") else "%s")
        parse = parse_label_map if entry.example.startswith("item") else parse_config
        try:
            parse(text % entry.example, "a")
        except TextFault as fault:
            assert fault.code == entry.code, (entry, fault)
        else:
            raise AssertionError(f"{entry.code}: its example is no fault")
