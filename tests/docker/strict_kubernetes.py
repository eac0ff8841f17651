"""Run by Airflow's Python: reads Kubernetes objects as JSON and prints what their API would not take.

The client's models know each object's fields, their types and which are required; an unknown field, which
a cluster refuses or drops, is found here.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from kubernetes.client import models

PRIMITIVES = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object, "datetime": str}


def check(value: Any, kind: str, path: str) -> list[str]:
    """What is wrong with `value` as an object of the type `kind`."""
    if inner := re.fullmatch(r"list\[(.+)\]", kind):
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        return [each for i, item in enumerate(value) for each in check(item, inner[1], f"{path}[{i}]")]
    if inner := re.fullmatch(r"dict\[str, (.+)\]", kind):
        if not isinstance(value, dict):
            return [f"{path}: not a mapping"]
        return [each for key, item in value.items() for each in check(item, inner[1], f"{path}.{key}")]
    if kind in PRIMITIVES:
        wrong = not isinstance(value, PRIMITIVES[kind]) or (kind == "int" and isinstance(value, bool))
        return [f"{path}: {value!r} is no {kind}"] if wrong else []
    model = getattr(models, kind)
    if not isinstance(value, dict):
        return [f"{path}: not a mapping"]
    attributes = {name: attribute for attribute, name in model.attribute_map.items()}
    found = [f"{path}.{name}: unknown" for name in value if name not in attributes]
    known = {attributes[name]: item for name, item in value.items() if name in attributes}
    for attribute, item in known.items():
        name = model.attribute_map[attribute]
        found += check(item, model.openapi_types[attribute], f"{path}.{name}")
    try:
        model(**known)
    except ValueError as error:
        found.append(f"{path}: {error}")
    return found


def model_of(item: dict[str, Any]) -> str:
    """The client's name for the object's type, for example V1Deployment."""
    version = item["apiVersion"].rpartition("/")[2]
    return version[0].upper() + version[1:] + item["kind"]


if __name__ == "__main__":
    objects = json.load(sys.stdin)
    print(json.dumps([each for item in objects for each in check(item, model_of(item), item["kind"])]))
