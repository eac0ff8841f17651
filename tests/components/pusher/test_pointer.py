"""live.config, as TensorFlow Serving reads it."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from components.pusher.manifest import complete
from components.pusher.pointer import pointed_to, pointer_bytes
from detection.errors import BadInput


def test_it_is_a_configuration_of_one_model_with_one_version() -> None:
    manifest = complete({"detector": "signs", "run_id": "r", "fingerprint": "f"}, 12, "0" * 64)
    data = pointer_bytes(manifest, 's3://bucket/a "quoted" folder/versions', 3)
    [config] = text_format.Parse(data, ModelServerConfig()).model_config_list.config
    assert (config.name, config.model_platform) == ("signs", "tensorflow")
    assert config.base_path == 's3://bucket/a "quoted" folder/versions'
    assert list(config.model_version_policy.specific.versions) == [12]
    assert pointed_to(data, "there") == 12
    assert data != pointer_bytes(manifest, 's3://bucket/a "quoted" folder/versions', 4)


@pytest.mark.parametrize("text", [b"", b"model_config_list {}", b"\xff", b"specific { versions: 3 }"])
def test_what_publishing_did_not_write_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput, match="something else stands") as error:
        pointed_to(text, "s3://bucket/live.config")
    assert error.value.where == "s3://bucket/live.config"
