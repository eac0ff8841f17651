"""A fault carries its parts, also to another process."""

from __future__ import annotations

import pickle

from detection.config.text_fault import Reason, TextFault, fault_at
from detection.config.text_tokens import Places
from detection.errors import EXIT_BAD_INPUT


def test_the_message_has_code_place_and_fix() -> None:
    fault = TextFault("TXT007", "pipeline.config: a } too many", "a.config", "take it away", 3, 5)
    assert str(fault) == "TXT007 pipeline.config: a } too many\n  where: a.config:3:5\n  fix:   take it away"
    assert fault.exit_code == EXIT_BAD_INPUT
    assert TextFault("TXT013", "empty", "a", "fill it").where == "a"
    assert TextFault("TXT012", "not UTF-8", "a", "save it again", 2).where == "a:2"


def test_a_pickled_fault_is_the_same() -> None:
    fault = TextFault("MAP001", "id 0", "a.pbtxt", "number from 1", 3, 5)
    copy = pickle.loads(pickle.dumps(fault))
    assert vars(copy) == vars(fault) and str(copy) == str(fault)


def test_fault_at_counts_lines_and_columns_from_one() -> None:
    text = "model {\n  sd { }\n}"
    fault = fault_at(
        Reason("TXT001", "unknown", "ssd"), text.index("sd"), Places(text), "a", "pipeline.config"
    )
    assert (fault.line, fault.column, fault.message) == (2, 3, "pipeline.config: unknown")
