"""Sends a message to a detector's receivers, within seconds, whatever they do; apprise speaks to them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dags.alert_address import Address, secret_parts

DELIVERY_SECONDS = 8.0  # for all receivers together: a task waits so long at most
_TOKEN_LENGTH = 12  # shorter parts of an address are words, which a log may say


@dataclass(frozen=True)
class Message:
    """What a person gets: a line, and plain text, in which nothing that a log says can become markup."""

    title: str
    body: str
    kind: str = "info"  # or success, warning, failure: a colour, where the receiver has colours


def deliver(addresses: Sequence[Address], message: Message, seconds: float = DELIVERY_SECONDS) -> list[str]:
    """Sends `message` to all at once and returns a sentence for each that did not take it.

    Never raises, and returns after `seconds` even if a receiver hangs.
    """
    if not addresses:
        return []
    try:
        import apprise  # here: it takes half a second, and most tasks send nothing
        from airflow.sdk.log import mask_secret

    except ImportError as error:
        return [f"nothing was sent: {error}"]
    logging.getLogger("apprise").propagate = False  # it prints addresses; what it says is in our own words
    for address in addresses:
        for secret in secret_parts(address.url):
            if len(secret) >= _TOKEN_LENGTH:
                mask_secret(secret)  # urllib3 prints paths at level DEBUG
    deadline = time.monotonic() + seconds
    answers: dict[int, str] = {}
    threads = [
        threading.Thread(target=_send, args=(apprise, address, message, number, answers), daemon=True)
        for number, address in enumerate(addresses)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {seconds:.0f} s"
    return [
        f"{address.label} did not take the message: {answer}"
        for number, address in enumerate(addresses)
        if (answer := answers.get(number, late))
    ]


def _send(apprise: Any, address: Address, message: Message, number: int, answers: dict[int, str]) -> None:
    """Leaves "" in `answers` when the message was taken, else why it wasn't."""
    heard = _Warnings()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    try:
        receiver = apprise.Apprise.instantiate(address.url, asset=apprise.AppriseAsset(app_id="Upcycle"))
        if receiver is None:
            answers[number] = "apprise can't read this address"
        elif receiver.notify(
            title=message.title, body=message.body, notify_type=message.kind, body_format="text"
        ):
            answers[number] = ""
        else:
            answers[number] = address.hide(heard.text or "it was refused")
    except Exception as error:
        answers[number] = address.hide(f"{type(error).__name__}: {error}")
    finally:
        logger.removeHandler(heard)


class _Warnings(logging.Handler):
    """The last warning of the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.text = record.getMessage()
