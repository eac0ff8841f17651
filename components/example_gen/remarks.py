"""What the checks of one object say: a repair goes on, a fault ends them."""

from __future__ import annotations

from dataclasses import dataclass

from components.example_gen.records import Action


@dataclass(frozen=True)
class Remark:
    """What is to be said about an object, and what was done about it."""

    code: str
    action: Action
    detail: str


class SetAside(Exception):
    """Ends the checks of an object; the remark says why."""

    def __init__(self, code: str, detail: str, action: Action = "quarantined") -> None:
        super().__init__(detail)
        self.remark = Remark(code, action, detail)
