"""Metadata and configuration, as clients written for Triton read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from runtime import __version__
from runtime.backends.base import FREE, Signature, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.messages import (
    DataType,
    Message,
    ModelConfigResponse,
    ModelMetadataResponse,
    ServerMetadataResponse,
)
from runtime.models.describe import (
    CHOSEN_BY,
    SERVED_SINCE,
    BatchConfig,
    Choice,
    describe,
    row_dims,
    server_metadata,
    utc_now,
)
from runtime.models.settings import Versions

X = TensorSpec("x", "FP32", (FREE, 4))
WORDS = TensorSpec("words", "BYTES", (FREE,))
SIGNATURE = Signature("onnx_onnxv1", (X,), (WORDS,), batchable=True)


def config_of(signature: Signature, batching: BatchConfig) -> Message:
    told = describe("mlp", "3", signature, batching)
    return ModelConfigResponse.FromString(told.config).config


def test_the_server_names_itself_and_only_extensions_that_work() -> None:
    told = ServerMetadataResponse.FromString(server_metadata())
    assert (told.name, told.version) == ("leeboard", __version__)
    assert {"binary_tensor_data", "statistics"} <= set(told.extensions)
    assert not {"sequence", "shared_memory", "trace"} & set(told.extensions)


def test_the_configuration_says_since_when_and_why_a_version_serves() -> None:
    choice = Choice(utc_now(), "a load call", Versions(1, ("2", "3")))
    told = describe("mlp", "3", SIGNATURE, BatchConfig(8, 4, 0, 1), choice)
    config = ModelConfigResponse.FromString(told.config).config
    assert config.parameters[CHOSEN_BY].string_value == "a load call"
    since = datetime.fromisoformat(config.parameters[SERVED_SINCE].string_value)
    assert since.utcoffset() == timedelta(0)
    assert list(config.version_policy.specific.versions) == [2, 3]


def test_without_a_choice_the_configuration_has_no_parameters() -> None:
    config = config_of(SIGNATURE, BatchConfig(8, 4, 0, 1))
    assert dict(config.parameters) == {}
    assert config.version_policy.latest.num_versions == 1


@pytest.mark.parametrize("max_batch_size", [0, 8])
def test_metadata_shows_the_models_own_shapes(max_batch_size: int) -> None:
    told = describe("mlp", "3", SIGNATURE, BatchConfig(max_batch_size, 4, 0, 1))
    metadata = ModelMetadataResponse.FromString(told.metadata)
    assert (metadata.name, list(metadata.versions)) == ("mlp", ["3"])
    assert metadata.platform == "onnx_onnxv1"
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [
        ("x", "FP32", [-1, 4])
    ]
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.outputs] == [
        ("words", "BYTES", [-1])
    ]


def test_with_batching_the_configuration_leaves_the_batch_out_of_dims() -> None:
    config = config_of(SIGNATURE, BatchConfig(8, 4, 250, 2))
    assert (config.max_batch_size, config.backend) == (8, "onnx")
    assert list(config.dynamic_batching.preferred_batch_size) == [4]
    assert config.dynamic_batching.max_queue_delay_microseconds == 250
    assert [list(t.dims) for t in [*config.input, *config.output]] == [[4], []]
    assert [group.count for group in config.instance_group] == [2]


def test_a_decoupled_model_says_so_and_joins_no_requests() -> None:
    signature = replace(SIGNATURE, decoupled=True)
    config = config_of(signature, BatchConfig(8, 1, 250, 2))
    assert config.model_transaction_policy.decoupled
    assert (config.max_batch_size, config.HasField("dynamic_batching")) == (8, False)
    assert not config_of(SIGNATURE, BatchConfig(8, 4, 0, 1)).HasField(
        "model_transaction_policy"
    )


def test_without_batching_the_configuration_shows_whole_shapes() -> None:
    config = config_of(SIGNATURE, BatchConfig(0, 0, 0, 1))
    assert config.max_batch_size == 0
    assert not config.HasField("dynamic_batching")
    assert [list(t.dims) for t in [*config.input, *config.output]] == [[-1, 4], [-1]]


@pytest.mark.parametrize("datatype", [*NUMPY_TYPES, "BYTES"])
def test_every_datatype_has_a_configuration_type(datatype: str) -> None:
    signature = Signature("fake", (TensorSpec("x", datatype, (2,)),), (), batchable=False)
    (tensor,) = config_of(signature, BatchConfig(0, 0, 0, 1)).input
    name = "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"
    assert tensor.data_type == DataType.Value(name)


@pytest.mark.parametrize(("batched", "dims"), [(True, (4,)), (False, (-1, 4))])
def test_the_dims_of_a_row_are_the_shape_without_its_batch(
    batched: bool, dims: tuple[int, ...]
) -> None:
    assert row_dims(X, batched) == dims
