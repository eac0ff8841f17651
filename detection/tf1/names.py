"""TF1 variable names to Keras variable paths and back, by one table that reads in both directions.

Layers are nested and named like the TF1 scopes, so only the last part of a name can differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from detection.errors import Failed


@dataclass(frozen=True)
class Rule:
    """Two spellings of one variable; `{scope}` stands for the same text in both."""

    tf1: str
    keras: str

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        return _pattern(self.tf1), _pattern(self.keras)

    def to_keras(self, name: str) -> str | None:
        """The Keras path of a TF1 name; None if the rule is not about it."""
        match = self._patterns[0].fullmatch(name)
        return self.keras.format(**match.groupdict()) if match else None

    def to_tf1(self, path: str) -> str | None:
        """The TF1 name of a Keras path; None if the rule is not about it."""
        match = self._patterns[1].fullmatch(path)
        return self.tf1.format(**match.groupdict()) if match else None


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.escape(template).replace(r"\{scope\}", "(?P<scope>.+)"))


# The first rule that fits counts, in either direction.
RULES: tuple[Rule, ...] = (
    Rule("{scope}/depthwise_weights", "{scope}/depthwise_kernel"),
    Rule("{scope}/pointwise_weights", "{scope}/pointwise_kernel"),
    Rule("{scope}/weights", "{scope}/kernel"),
    Rule("{scope}/biases", "{scope}/bias"),
    Rule("{scope}/gamma", "{scope}/gamma"),
    Rule("{scope}/beta", "{scope}/beta"),
    Rule("{scope}/moving_mean", "{scope}/moving_mean"),
    Rule("{scope}/moving_variance", "{scope}/moving_variance"),
    Rule("{scope}/min", "{scope}/min"),
    Rule("{scope}/max", "{scope}/max"),
)


def keras_path(tf1_name: str) -> str | None:
    """The path of a TF1 variable, without the model's own name; None if no layer has such a variable."""
    return next((path for rule in RULES if (path := rule.to_keras(tf1_name)) is not None), None)


def tf1_name(path: str, model_name: str) -> str:
    """The TF1 name of a model's variable; Failed if no rule fits: it would silently stay random."""
    relative = path.removeprefix(f"{model_name}/")
    name = next((name for rule in RULES if (name := rule.to_tf1(relative)) is not None), None)
    if name is None:
        raise Failed(
            f"no rule maps the model variable {path} to a TF1 name",
            "detection/tf1/names.py",
            "add a rule for this kind of variable",
        )
    return name
