"""live.config of an object store: which version is live, as TensorFlow Serving's own configuration.

A server that is started with --model_config_file=DEST/live.config follows it; others read the number.
"""

from __future__ import annotations

import re

from components.pusher.manifest import Manifest
from detection.errors import BadInput

POINTER = "live.config"

_TEXT = """\
# Change {change} of history.jsonl
model_config_list {{
  config {{
    name: "{name}"
    base_path: "{base}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: {number} }} }}
  }}
}}
"""
_NUMBER = re.compile(rb"^# Change \d+ of .*specific \{ versions: (\d+) \}", re.DOTALL)


def pointer_bytes(manifest: Manifest, base: str, change: int) -> bytes:
    """The pointer to a version below the address `base`.

    `change` counts the changes, so that no two pointers are equal: a writer that was asleep would else take
    a later one for the one it knows.
    """
    quoted = base.replace("\\", "\\\\").replace('"', '\\"')
    text = _TEXT.format(change=change, name=manifest.detector, base=quoted, number=manifest.version)
    return text.encode()


def pointed_to(data: bytes, where: str) -> int:
    """The number of the version that a pointer means. Raises BadInput if publishing didn't write it."""
    found = _NUMBER.match(data)
    if found is None:
        raise BadInput(
            "something else stands where the pointer to the live version belongs",
            where,
            "move it away, or name another destination",
        )
    return int(found.group(1))
