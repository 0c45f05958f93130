"""config.pbtxt and its JSON: what is wrong is named with its line, or with the option."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf import json_format, text_format

from runtime.errors import ConfigError
from runtime.messages import POOL, ModelConfig
from runtime.models.model_folder import ModelFolder
from runtime.models.triton_config import from_json, from_text

CASES = Path(__file__).parent / "triton"


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    path = tmp_path / "m"
    (path / "warmup").mkdir(parents=True)
    (path / "warmup/x.bin").write_bytes(bytes(7))
    return ModelFolder(path, tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\nmax_batch: 3", 'c, line 2: a ModelConfig has no field named "max_batch".'),
        ("name: 3", "c, line 1: 'name: 3': Expected string but found: '3'"),
        ("max_batch_size: 1\nmax_batch_size: 2", "c, line 2: "),
        ("input {", "c, line 1: "),
        ('name: "other"', "c: name is 'other', but the model's folder is 'm'; make them"),
        ("max_batch_size: -1", "c: max_batch_size is -1; it must be 0 to 4096"),
        (
            'platform: "pytorch_libtorch" backend: "onnxruntime"',
            "c: platform pytorch_libtorch does not run on backend onnxruntime",
        ),
        ("input { dims: 3 }", "c: input[0] has no name"),
        ('input [{name: "x"}, {name: "x"}]', "c: input 'x' is there twice"),
        (
            'input { name: "x" dims: 0 }',
            "c: input 'x': dims has 0; a dimension is positive",
        ),
        ('input { name: "x" dims: [2, -2] }', "c: input 'x': dims has -2"),
        ('input { name: "x" data_type: 99 }', "c: input 'x': there is no data_type 99"),
        (
            'input { name: "x" dims: 6 reshape { shape: [2, 2] } }',
            "c: input 'x': reshape [2, 2] cannot hold what dims [6] holds",
        ),
        (
            'output { name: "y" label_filename: "../other/labels.txt" }',
            "c: output 'y': '../other/labels.txt' is no path within the model's folder",
        ),
        (
            'output { name: "y" label_filename: "no.txt" }',
            "m/no.txt is not there, or is no",
        ),
        ("dynamic_batching { preferred_batch_size: 4 } input {name:'x'}", "needs a max_b"),
        (
            "max_batch_size: 4 dynamic_batching { preferred_batch_size: [2, 8] }",
            "c: dynamic_batching.preferred_batch_size is 8; it must be 1 to 4",
        ),
        (
            "dynamic_batching { max_queue_delay_microseconds: 99000000 }",
            "c: dynamic_batching.max_queue_delay_microseconds is 99000000; it must be 0 to",
        ),
        ("instance_group { count: -1 }", "c: instance_group.count is -1; it must be 1 to"),
        (
            "instance_group [{count: 200}, {count: 200}]",
            "c: instance_group is 400; it must",
        ),
        ("version_policy { latest { } }", "c: version_policy.latest.num_versions is 0"),
        ("version_policy { specific { } }", "c: version_policy.specific.versions needs"),
        ("version_policy { specific { versions: -1 } }", "c: version_policy.specific"),
        (
            'parameters { key: "intra_op_thread_count" value { string_value: "two" } }',
            "c: parameters.intra_op_thread_count: 'two' is no number of threads",
        ),
    ],
)
def test_what_is_wrong_is_named(folder: ModelFolder, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_text(text, folder, "c")
    assert words in str(caught.value)


X = 'key: "x" value: { data_type: TYPE_FP32 dims: 2 '


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("", "model_warmup[0]: it has no inputs"),
        (
            f'name: "w" inputs {{ {X} }} }}',
            "model_warmup 'w': input 'x' needs one of zero_",
        ),
        (
            'inputs { key: "x" value { dims: 2 zero_data: true } }',
            "input 'x' has no data_typ",
        ),
        (
            'inputs { key: "x" value { data_type: TYPE_FP32 dims: -1 zero_data: true } }',
            "input 'x': dims has -1; say how large it is",
        ),
        (
            f'inputs {{ {X} input_data_file: "x.bin" }} }}',
            "warmup/x.bin has 7 bytes; one row of FP32 [2] has 8",
        ),
        (f'inputs {{ {X} input_data_file: "../leeboard.yaml" }} }}', "is no path within"),
        (f'inputs {{ {X} input_data_file: "y.bin" }} }}', "warmup/y.bin is not there"),
        (
            f"batch_size: 9 inputs {{ {X} zero_data: true }} }}",
            "batch_size is 9; it must be",
        ),
        (f"count: 2000 inputs {{ {X} zero_data: true }} }}", "count is 2000; it must be 1"),
        (
            f"inputs {{ {X} dims: 499999999 zero_data: true }} }}",
            "input 'x': dims makes 999999998 elements; 268435456 are the most",
        ),
    ],
)
def test_a_wrong_sample_is_named(folder: ModelFolder, sample: str, words: str) -> None:
    text = f"max_batch_size: 8 model_warmup {{ {sample} }}"
    with pytest.raises(ConfigError) as caught:
        from_text(text, folder, "c")
    assert str(caught.value).startswith("c: model_warmup")
    assert words in str(caught.value)


def test_a_model_that_does_not_batch_is_warmed_whole(folder: ModelFolder) -> None:
    text = (
        'input {name: "x"} model_warmup { inputs { key: "x" value: { data_type: TYPE_FP32 '
    )
    text += "dims: [1, 2] zero_data: true } } }"
    (sample,) = from_text(text, folder, "c").samples
    assert sample.rows == 0


@pytest.mark.parametrize("key", ["intra_op_thread_count", "INTRA_OP_THREAD_COUNT"])
def test_no_threads_are_the_servers_threads(folder: ModelFolder, key: str) -> None:
    text = f'parameters {{ key: "{key}" value {{ string_value: "0" }} }}'
    assert from_text(text, folder, "c").threads is None


@pytest.mark.parametrize("case", ["batching", "queueing", "instances", "optional", "tuned"])
def test_json_says_what_the_text_says(tmp_path: Path, case: str) -> None:
    folder = ModelFolder(tmp_path / case, tmp_path)
    text = (CASES / f"{case}.pbtxt").read_text()
    config = text_format.Parse(text, ModelConfig(), descriptor_pool=POOL)
    for kept in (True, False):  # snake_case as files have it, camelCase as protobuf does.
        as_json = json_format.MessageToJson(
            config, preserving_proto_field_name=kept, descriptor_pool=POOL
        )
        assert from_json(as_json, folder, "c") == from_text(text, folder, "c")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "3", "{", '{"foo": 1}', '{"input": {}}', '{"parameters": []}',
     '{"input": [3]}', '{"max_batch_size": 1e400}', '{"metric_tags": {"a": 3}}', "[" * 9999,
     '{"max_batch_size": 1, "max_batch_size": 2}', '{"input": [{"name": "\\ud800"}]}'],
)  # fmt: skip
def test_json_that_is_no_model_config_is_refused(folder: ModelFolder, text: str) -> None:
    with pytest.raises(ConfigError, match=r"^the request's config is no ") as caught:
        from_json(text, folder)
    assert "\n" not in str(caught.value)


def test_json_that_asks_for_what_is_not_there_is_refused(folder: ModelFolder) -> None:
    text = json.dumps({"backend": "tensorflow", "name": "m"})
    words = "^the request's config: backend=tensorflow: convert the model to ONNX"
    with pytest.raises(ConfigError, match=words):
        from_json(text, folder)
