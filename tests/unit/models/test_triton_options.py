"""The table of options: it knows every field of ModelConfig and says one thing of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor import Descriptor

from runtime.errors import ConfigError
from runtime.messages import POOL, ModelConfig
from runtime.models.triton_options import OPTIONS, TABLE, Treatment, check


def leaves(prefix: str, descriptor: Descriptor) -> Iterator[str]:
    """Every path at which a config can say something, down to the table's rows."""
    for field in descriptor.fields:
        path = f"{prefix}{field.name}"
        if path in OPTIONS or field.message_type is None:
            yield path
        else:
            yield from leaves(f"{path}.", field.message_type)


def is_known(path: str) -> bool:
    return any(row == path or row.startswith(f"{path}=") for row in OPTIONS)


def test_the_table_knows_every_field_of_a_model_config() -> None:
    paths = list(leaves("", ModelConfig.DESCRIPTOR))
    assert len(paths) > 50
    assert [path for path in paths if not is_known(path)] == []


def test_the_table_has_no_row_twice_and_none_for_a_field_that_is_not_there() -> None:
    assert len(OPTIONS) == len(TABLE)
    fields = set(leaves("", ModelConfig.DESCRIPTOR))
    paths = {option.path.partition("=")[0] for option in TABLE}
    assert {p for p in paths if not p.startswith("parameters")} <= fields


@pytest.mark.parametrize("option", TABLE, ids=lambda option: str(option.path))
def test_a_row_is_short_and_ends_without_a_stop(option: object) -> None:
    sentence = getattr(option, "sentence", "")
    assert 3 < len(sentence) < 140
    assert sentence[-1] not in ".;,"


def notes(text: str) -> tuple[str, ...]:
    return check(text_format.Parse(text, ModelConfig(), descriptor_pool=POOL))


def test_a_note_is_told_once_however_often_the_option_stands_there() -> None:
    text = 'instance_group [{ gpus: [0, 1] }, { gpus: 2 }] max_batch_size: 3 name: "m"'
    assert notes(text) == ("instance_group.gpus: leeboard serves on the CPU here",)


def test_an_enums_value_that_has_no_name_is_not_let_through() -> None:
    with pytest.raises(
        ConfigError, match=r"instance_group\.kind=9: leeboard does not know"
    ):
        notes("instance_group { kind: 9 }")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('platform: "caffe2_netdef"', "platform=caffe2_netdef: known are onnxruntime_onnx"),
        ('backend: "dali"', "backend=dali: known are onnxruntime and pytorch"),
        ('backend: "a\\nb"', "backend: known are onnxruntime and pytorch"),
        ("input { allow_ragged_batch: true }", "requests of other shapes make batches of"),
        (
            'parameters { key: "TRITON_BATCH_STRATEGY_PATH" value { string_value: "x" } }',
            "parameters.TRITON_BATCH_STRATEGY_PATH=x: a library of its own",
        ),
    ],
)
def test_a_refusal_names_the_option_and_the_remedy(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        notes(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_says_the_default_is_no_matter() -> None:
    text = """
    response_cache { enable: false } model_transaction_policy { decoupled: false }
    instance_group { passive: false kind: KIND_AUTO } dynamic_batching { }
    """
    assert notes(text) == ()


def test_each_treatment_has_rows() -> None:
    assert {option.treatment for option in TABLE} == set(Treatment)
