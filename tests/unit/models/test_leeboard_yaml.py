"""leeboard.yaml: every key, and every mistake named by its path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from runtime.backends.declared import Declared, Fill, Sample, SampleTensor
from runtime.errors import ConfigError
from runtime.models.leeboard_yaml import read, schema
from runtime.models.model_folder import ModelFolder
from runtime.models.settings import ModelSettings, QueuePolicy, Versions

EVERYTHING = """
backend: torch
file: net.pt2
device: cuda:1
instances: 2
threads: 4
max_batch_size: 32
batch_timeout: 1m
queue: {size: 100, timeout: 2s, on_timeout: delay, allow_timeout_override: true}
batching: {max_delay: 500us, preferred_rows: 16}
inputs:
  - {name: x, datatype: TYPE_FP32, dims: [2, -1]}
  - {name: mask, datatype: BOOL, dims: [4], reshape: [2, 2], optional: true}
outputs:
  - {name: y, labels: labels.txt}
versions: {latest: 3}
warmup:
  - name: usual
    rows: 8
    count: 2
    inputs:
      x: {dims: [2, 5]}
      mask: {fill: zero}
      s: {datatype: STRING, dims: [1], file: s.bin}
tolerance: {FP32: 1e-4, TYPE_BF16: 0}
decoupled: true
side_effects: true
interpreter: bin/python
trust: native-code
module: shop.models.make
arguments: {depth: 3, name: small}
class: Wanted
memory_format: channels_last
dtype: bfloat16
options: {cache: off, level: 3, word: x}
"""


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    path = tmp_path / "m"
    (path / "bin").mkdir(parents=True)
    (path / "labels.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n")
    (path / "s.bin").write_bytes(b"abc")
    (path / "bin/python").symlink_to(sys.executable)
    return ModelFolder(path, tmp_path)


def test_a_model_may_be_random_on_purpose(folder: ModelFolder) -> None:
    tolerances = read("tolerance: {BYTES: .inf}", folder, "f").tolerances
    assert tolerances == {"BYTES": float("inf")}


def test_every_key_becomes_a_setting(folder: ModelFolder) -> None:
    assert read(EVERYTHING, folder, "f") == ModelSettings(
        origin="f",
        backend="torch",
        file="net.pt2",
        inputs=(
            Declared("x", "FP32", (2, -1)),
            Declared("mask", "BOOL", (4,), reshape=(2, 2), optional=True),
        ),
        outputs=(Declared("y", "", None, labels=("cat", "dog")),),
        max_batch_size=32,
        close_rows=16,
        max_queue_delay_us=500,
        max_queue_size=100,
        batch_timeout_s=60.0,
        queue=QueuePolicy(timeout_us=2_000_000, delays=True, override=True),
        instances=2,
        threads=4,
        device="cuda:1",
        versions=Versions(latest=3),
        samples=(
            Sample(
                "usual",
                8,
                (
                    SampleTensor("x", "FP32", (2, 5), Fill.RANDOM),
                    SampleTensor("mask", "BOOL", (4,), Fill.ZERO),
                    SampleTensor("s", "BYTES", (1,), Fill.FILE, folder.path / "s.bin"),
                ),
                count=2,
            ),
        ),
        tolerances={"FP32": 1e-4, "BF16": 0.0},
        retry=False,
        decoupled=True,
        interpreter=folder.path / "bin/python",
        options={
            "cache": "off",
            "level": "3",
            "word": "x",
            "trust": "native-code",
            "module": "shop.models.make",
            "class": "Wanted",
            "memory_format": "channels_last",
            "dtype": "bfloat16",
            "arguments": '{"depth": 3, "name": "small"}',
        },
    )


def test_every_key_of_the_schema_is_in_the_test_above() -> None:
    for key in schema()["properties"]:
        assert f"\n{key}:" in EVERYTHING


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "threads:\n", "{}"])
def test_nothing_said_is_nothing_set(folder: ModelFolder, text: str) -> None:
    assert read(text, folder, "f") == ModelSettings(origin="f")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("instancez: 2", "instancez: unknown key; did you mean instances?"),
        ("queue: {sizze: 2}", "queue.sizze: unknown key; did you mean size?"),
        (
            "batching: {zzz: 1}",
            "batching.zzz: unknown key; known: max_delay, preferred_rows",
        ),
        ("1: 2", "1: unknown key; known: backend, file,"),
        ('"a\\nERROR b": 2', "a\\nERROR b: unknown key;"),
        ("- a", "it must be keys with values, as in `max_batch_size: 8`"),
        ("inputs: {x: FP32}", "inputs: Input should be a valid list"),
        (
            "inputs: [{name: x}, {name: y, dims: 3}]",
            "inputs[1].dims: Input should be a vali",
        ),
        ("inputs: [{name: x, dims: [2, a]}]", "inputs[0].dims[1]: Input should be a valid"),
        (
            "inputs: [{name: x, dims: [0]}]",
            "inputs[0].dims: has 0; a dimension is positive",
        ),
        ("inputs: [{name: x, labels: l}]", "inputs[0].labels: unknown key;"),
        ("inputs: [{dims: [1]}]", "inputs[0].name: Field required"),
        ("outputs: [{name: y, optional: true}]", "outputs[0].optional: unknown key;"),
        ("outputs: [{name: y}, {name: y}]", "outputs[1].name: y is there twice"),
        (
            "outputs: [{name: y, datatype: F32}]",
            "outputs[0].datatype: there is no datatype",
        ),
        ("outputs: [{name: y, reshape: [1]}]", "outputs[0].reshape: needs dims beside it"),
        (
            "outputs: [{name: y, dims: [6], reshape: [4]}]",
            "outputs[0].reshape: [4] cannot hold what dims [6] holds",
        ),
        ("outputs: [{name: y, labels: no.txt}]", "outputs[0].labels: "),
        (
            "outputs: [{name: y, labels: ../x}]",
            "'../x' is no path within the model's folder",
        ),
        ("device: tpu", "device: there is no device 'tpu'; known are cpu, cuda and cuda:N"),
        ("threads: 0", "threads: Input should be greater than or equal to 1"),
        ("threads: yes", "threads: Input should be a valid integer"),
        ("instances: 2.0", "instances: Input should be a valid integer"),
        ("max_batch_size: '8'", "max_batch_size: Input should be a valid integer"),
        (
            "max_batch_size: 4097",
            "max_batch_size: Input should be less than or equal to 4096",
        ),
        ("batch_timeout: 5", "batch_timeout: 5 is no duration like 500ms, 2s or 1m"),
        ("queue: {timeout: 25h}", "queue.timeout: 25h is longer than a day"),
        (
            "queue: {on_timeout: drop}",
            "queue.on_timeout: Input should be 'reject' or 'delay'",
        ),
        (
            "batching: {max_delay: 2m}",
            "batching.max_delay, in us, is 120000000; it must be",
        ),
        (
            "{max_batch_size: 4, batching: {preferred_rows: 8}}",
            "batching.preferred_rows: 8 is more than max_batch_size 4",
        ),
        ("versions: newest", "versions: it must be all, {latest: N} or a list of version"),
        ("versions: []", "versions: it must be all,"),
        ("versions: {latest: 0}", "versions: it must be all,"),
        ("versions: [-1]", "versions: it must be all,"),
        ("versions: ['01']", "versions: it must be all,"),
        ("warmup: [{rows: 1}]", "warmup[0].inputs: Field required"),
        ("warmup: [{inputs: {x: {}}}]", "warmup[0].inputs.x: datatype and dims are needed"),
        (
            "inputs: [{name: x, datatype: FP32, dims: [-1]}]\nwarmup: [{inputs: {x: {}}}]",
            "warmup[0].inputs.x.dims has -1; say how large it is",
        ),
        (
            "warmup: [{inputs: {x: {datatype: FP32, dims: [2], file: s.bin}}}]",
            "s.bin has 3 bytes; one row of FP32 [2] has 8",
        ),
        (
            "{max_batch_size: 2, warmup: [{rows: 3, inputs: {}}]}",
            "warmup[0].rows: 3 is more",
        ),
        ("tolerance: {FP32: small}", "tolerance.FP32: Input should be a valid number"),
        (
            "tolerance: {FP32: .nan}",
            "tolerance.FP32: Input should be greater than or equal",
        ),
        ("tolerance: {FP32: -1}", "tolerance.FP32: Input should be greater than or equal"),
        ("tolerance: {FP31: 1}", "tolerance: there is no datatype 'FP31'; known are BOOL,"),
        ("interpreter: no/python", "no/python is not there; name a python executable"),
        ("trust: everything", "trust: Input should be 'native-code'"),
        ("arguments: {when: 2026-01-01}", "arguments: Object of type date is not JSON"),
        ("arguments: {n: .inf}", "arguments: Out of range float values are not JSON"),
        ("options: {a: [1]}", "options.a: an option is a text, a number, or on or off"),
        ("options: {trust: native-code}", "options.trust: write it as the key trust"),
        ("options: {allowed_modules: os}", "options.allowed_modules: it is the server's"),
        ("a: 1\nb: 2", "a: unknown key"),
        ("a: [", "line 1: "),
        ("threads: 1\nthreads: 2", "line 2: 'threads' is there twice"),
    ],
)
def test_a_mistake_is_named_by_its_path(folder: ModelFolder, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, folder, "m/leeboard.yaml")
    assert str(caught.value).startswith("m/leeboard.yaml: ")
    assert words in str(caught.value)


def test_several_mistakes_are_told_at_once(folder: ModelFolder) -> None:
    text = (
        "{threads: 0, instances: 0, device: 3, file: 4, backend: 5, versions: 6, trust: 7}"
    )
    with pytest.raises(ConfigError) as caught:
        read(text, folder, "f")
    told = str(caught.value).split("; ")
    assert told[-1] == "and 2 more"
    assert {t.partition(":")[0] for t in told[1:-1]} == {
        "file",
        "device",
        "instances",
        "threads",
    }


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ("all", Versions(latest=0)),
        ("{latest: 2}", Versions(latest=2)),
        ("[3, '1', 3]", Versions(named=("3", "1"))),
    ],
)
def test_versions_are_said_in_three_ways(
    folder: ModelFolder, versions: str, expected: Versions
) -> None:
    assert read(f"versions: {versions}", folder, "f").versions == expected


def test_a_model_that_does_not_batch_is_warmed_whole(folder: ModelFolder) -> None:
    text = "{max_batch_size: 0, warmup: [{inputs: {x: {datatype: FP32, dims: []}}}]}"
    (sample,) = read(text, folder, "f").samples
    assert (sample.rows, sample.name, sample.tensors[0].dims) == (0, "warmup[0]", ())


def test_the_schema_is_json_and_explains_every_key() -> None:
    described = json.loads(json.dumps(schema()))
    models = [described, *described["$defs"].values()]
    assert all(model["additionalProperties"] is False for model in models)
    properties = [p for model in models for p in model["properties"].items()]
    bare = [name for name, value in properties if not {"description", "$ref"} & {*value}]
    assert bare == []
    assert all(model["description"] for model in models)
    assert "class" in described["properties"]
