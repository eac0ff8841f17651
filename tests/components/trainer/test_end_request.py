"""SIGTERM only asks, and only as long as the training runs."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from components.trainer.end_request import EndRequest


def test_sigterm_asks_once_or_more(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with EndRequest() as request:
        assert not request.asked
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.asked
    assert signal.getsignal(signal.SIGTERM) == before
    assert capfd.readouterr().err == "SIGTERM: saving after this step\n"


def test_a_request_outlives_its_block_for_another_one() -> None:
    end = EndRequest()
    with end:
        os.kill(os.getpid(), signal.SIGTERM)
    with end:
        assert end.asked


def test_another_thread_has_no_handler() -> None:
    found = []

    def run() -> None:
        with EndRequest() as request:
            found.append((signal.getsignal(signal.SIGTERM), request.asked))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [(signal.getsignal(signal.SIGTERM), False)]
