"""Whole config.pbtxt files after Triton's documented cases, and what each must become.

The files are in triton/; each is served as the config.pbtxt of a model of its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.backends.declared import Declared, Fill, Sample, SampleTensor
from runtime.errors import ConfigError
from runtime.models.declaration import read_settings
from runtime.models.model_folder import ModelFolder
from runtime.models.settings import ModelSettings, QueuePolicy, Versions

CASES = Path(__file__).parent / "triton"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of all cases, with the files that they name."""
    for case in CASES.glob("*.pbtxt"):
        folder = tmp_path / case.stem
        folder.mkdir()
        (folder / "config.pbtxt").write_bytes(case.read_bytes())
    (tmp_path / "simple_onnx/labels.txt").write_text("tench\ngold fish\n\nhen\n")
    (tmp_path / "warmed/warmup").mkdir()
    (tmp_path / "warmed/warmup/x.bin").write_bytes(bytes(8))
    return tmp_path


def read(root: Path, name: str) -> ModelSettings:
    return read_settings(ModelFolder(root / name, root))


def fp32(name: str, *dims: int, **more: Any) -> Declared:
    return Declared(name, "FP32", dims, **more)


EXPECTED: dict[str, dict[str, Any]] = {
    "many_responses": {
        "decoupled": True,
        "max_batch_size": 0,
        "inputs": (fp32("IN", 1),),
        "outputs": (fp32("OUT", 1),),
        "notes": (),
    },
    "two_lines": {"backend": "onnx", "max_batch_size": None, "inputs": (), "file": ""},
    "simple_onnx": {
        "backend": "onnx",
        "max_batch_size": 0,
        "inputs": (fp32("data_0", 3, 224, 224, reshape=(1, 3, 224, 224)),),
        "outputs": (
            fp32(
                "fc6_1",
                1000,
                reshape=(1, 1000, 1, 1),
                labels=("tench", "gold fish", "", "hen"),
            ),
        ),
        "notes": ("input.format=FORMAT_NCHW: dims say the layout; nothing is transposed",),
    },
    "batching": {
        "max_batch_size": 16,
        "close_rows": 8,
        "max_queue_delay_us": 100,
        "max_queue_size": None,
        "inputs": (Declared("ids", "INT64", (-1,)),),
        "outputs": (Declared("text", "BYTES", (1,)),),
    },
    "scalar": {
        "inputs": (Declared("rate", "INT32", (1,), reshape=()),),
        "outputs": (Declared("doubled", "INT32", (1,), reshape=()),),
    },
    "latest": {"versions": Versions(latest=2)},
    "all_versions": {"versions": Versions(latest=0)},
    "specific": {"versions": Versions(named=("1", "3"))},
    "queueing": {
        "queue": QueuePolicy(timeout_us=500_000, delays=True, override=True),
        "max_queue_size": 64,
        "close_rows": None,
        "notes": (
            "dynamic_batching.preserve_ordering: each call is answered when its batch is "
            "done",
            "dynamic_batching.priority_levels: requests are taken as they came",
            "dynamic_batching.default_priority_level: requests are taken as they came",
            "dynamic_batching.priority_queue_policy: default_queue_policy is for all "
            "requests",
        ),
    },
    "instances": {
        "instances": 4,
        "notes": (
            "instance_group.name=main: workers are named MODEL/VERSION#N",
            "instance_group.gpus: leeboard serves on the CPU here",
            "instance_group.kind=KIND_MODEL: leeboard serves on the CPU here",
            "instance_group.rate_limiter: a worker runs as soon as it has work",
            "instance_group.host_policy=numa_0: --worker-cpus binds workers",
        ),
    },
    "optional": {
        "inputs": (
            Declared("text", "BYTES", (1,)),
            Declared("mask", "BOOL", (-1,), optional=True),
        ),
        "outputs": (Declared("score", "FP16", (1,)),),
    },
    "tuned": {"backend": "onnx", "file": "net.onnx", "threads": 4, "options": {}},
    "torchscript": {
        "backend": "torch",
        "threads": 2,
        "instances": 1,
        "inputs": (fp32("INPUT__0", 3, -1, -1), Declared("INPUT__1", "INT64", (1,))),
        "outputs": (fp32("OUTPUT__0", 10),),
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_documented_case_becomes_settings(root: Path, name: str) -> None:
    settings = read(root, name)
    expected = EXPECTED[name]
    assert {key: getattr(settings, key) for key in expected} == expected
    assert settings.origin == f"{root}/{name}/config.pbtxt"


def test_samples_are_zeros_random_or_a_file(root: Path) -> None:
    assert read(root, "warmed").samples == (
        Sample(
            "zeros",
            8,
            (
                SampleTensor("s", "BYTES", (1,), Fill.ZERO),
                SampleTensor("x", "FP32", (2,), Fill.ZERO),
            ),
        ),
        Sample(
            "model_warmup[1]",
            1,
            (
                SampleTensor("s", "BYTES", (1,), Fill.RANDOM),
                SampleTensor("x", "FP32", (2,), Fill.FILE, root / "warmed/warmup/x.bin"),
            ),
            count=3,
        ),
    )


def test_what_means_nothing_here_is_said_without_a_files_own_lines(root: Path) -> None:
    notes = read(root, "tuned").notes
    assert "parameters.inter_op_thread_count=2: operators run one after another" in notes
    assert "parameters.owner: leeboard does not know this parameter" in notes
    assert not [note for note in notes if "execution_mode" in note or "\n" in note]
    assert {note.partition(":")[0].partition("=")[0] for note in notes} == {
        "metric_tags",
        "optimization.cuda",
        "optimization.graph",
        "optimization.input_pinned_memory",
        "optimization.priority",
        "parameters.inter_op_thread_count",
        "parameters.owner",
        "response_cache.enable",
    }


REFUSED = {
    "ensemble": ["platform=ensemble", "ensemble_scheduling"],
    "sequence": ["sequence_batching"],
    "on_gpu": [
        "platform=tensorrt_plan",
        "instance_group.kind=KIND_GPU",
        "instance_group.profile=1",
        "optimization.execution_accelerators",
    ],
    "python_model": ["backend=python"],
    "foreign_parts": [
        "batch_input",
        "batch_output",
        "input.allow_ragged_batch",
        "input.is_shape_tensor",
        "model_operations.op_library_filename=ops.so",
        "model_repository_agents.agents",
        "runtime=libmine.so",
    ],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_change_answers_refuses_the_load(root: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(root, name)
    origin, _, reasons = str(caught.value).partition("config.pbtxt: ")
    assert origin == f"{root}/{name}/"
    paths = [reason.partition(": ")[0] for reason in reasons.split("; ") if ": " in reason]
    assert sorted(paths) == sorted(REFUSED[name])


def test_every_case_is_tested(root: Path) -> None:
    tested = {*EXPECTED, *REFUSED, "warmed"}
    assert {folder.name for folder in root.iterdir()} == tested
