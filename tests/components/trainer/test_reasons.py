"""Why another machine has ended a training survives TensorFlow's messages."""

from __future__ import annotations

import pytest

from components.trainer.reasons import Reason, as_error, pack, reason_of, unpack
from detection.errors import BadInput, Failed


@pytest.mark.parametrize(
    ("error", "exit_code", "what", "where"),
    [
        (BadInput('a "loss" is nan', "é.png", "lower"), 78, 'a "loss" is nan', "é.png"),
        (Failed("out of memory", "", "less"), 1, "out of memory", ""),
        (Failed("full", "a, " * 1000, "less"), 1, "full", ("a, " * 1000)[:500]),
        (ValueError("no\nmore"), 1, "ValueError: no", ""),
        (KeyboardInterrupt(), 1, "KeyboardInterrupt", ""),
    ],
)
def test_a_reason_is_read_out_of_other_text(
    error: BaseException, exit_code: int, what: str, where: str
) -> None:
    text = pack(reason_of(error, "a:1"))
    assert "memory" not in text  # else the others would take it for their own shortage
    nested = f'Collective ops is aborted by: {text}\nfrom remote target: {{grpc_message:"{text[:30]}'
    reason = Reason(address="a:1", exit_code=exit_code, what=what, where=where)
    assert unpack(nested) == reason
    assert unpack(text[:40]) is None and unpack("Socket closed") is None
    assert as_error(reason).exit_code == exit_code
