"""Folders as Triton serves them, served as they are, and asked through its own client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.listing import list_models, show_model
from runtime.testing import models
from runtime.testing.running import RunningServer
from tests.integration.calls import Array, rows, tensors

IDENTITY = """
platform: "onnxruntime_onnx"
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 4 ] } ]
"""
RESHAPED = """
backend: "onnxruntime"
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ 2, 2 ] reshape { shape: [ 4 ] } } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ 1, 4 ] reshape { shape: [ 4 ] } } ]
"""
LABELLED = IDENTITY.replace(
    'name: "y" data_type: TYPE_FP32 dims: [ 4 ]',
    'name: "y" data_type: TYPE_FP32 dims: [ 4 ] label_filename: "labels.txt"',
)
WARMED = (
    IDENTITY
    + """
model_warmup [
  {
    name: "two recorded rows"
    batch_size: 2
    count: 3
    inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 4 ] input_data_file: "x.bin" } }
  },
  {
    name: "zeros"
    batch_size: 1
    inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 4 ] zero_data: true } }
  }
]
"""
)
TUNED = (
    IDENTITY
    + """
instance_group [ { count: 2 kind: KIND_CPU } ]
dynamic_batching {
  preferred_batch_size: [ 4 ]
  max_queue_delay_microseconds: 100
  default_queue_policy {
    timeout_action: REJECT
    default_timeout_microseconds: 50000000
    max_queue_size: 16
  }
}
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
"""
)
ALL_VERSIONS = IDENTITY + "version_policy { all { } }\n"
UNBATCHED = """
platform: "onnxruntime_onnx"
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1, 4 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ -1, 4 ] } ]
"""
TWO_LINES = 'backend: "onnxruntime"\nmax_batch_size: 4\n'
TORCH = """
platform: "pytorch_libtorch"
max_batch_size: 8
input [ { name: "INPUT__0" data_type: TYPE_FP32 dims: [ 32 ] } ]
output [ { name: "OUTPUT__0" data_type: TYPE_FP32 dims: [ 8 ] } ]
"""
ON_A_GPU = IDENTITY + "instance_group [ { kind: KIND_GPU } ]\n"

CONFIGS = {
    "plain": IDENTITY, "reshaped": RESHAPED, "labelled": LABELLED, "warmed": WARMED,
    "tuned": TUNED, "all_versions": ALL_VERSIONS, "unbatched": UNBATCHED,
    "two_lines": TWO_LINES, "torch": TORCH, "on_a_gpu": ON_A_GPU,
}  # fmt: skip


def write(folder: Path, name: str, config: str) -> None:
    """Lay a model down as Triton wants it."""
    (folder / name).mkdir()
    (folder / name / "config.pbtxt").write_text(f'name: "{name}"\n{config}')
    if name == "torch":
        save_torchscript(folder / name / "1" / "model.pt")
        return
    for version in ("1", "3") if name == "all_versions" else ("1",):
        models.save_identity(folder / name / version / "model.onnx")


def save_torchscript(path: Path) -> None:
    import torch

    from runtime.testing.torch_models import make_mlp, save_script

    path.parent.mkdir()
    save_script(path, make_mlp(), [torch.zeros(2, 32)])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("triton")
    for name, config in CONFIGS.items():
        write(folder, name, config)
    (folder / "labelled" / "labels.txt").write_text("cat\ndog\nhorse\ncow\n")
    (folder / "warmed" / "warmup").mkdir()
    (folder / "warmed" / "warmup" / "x.bin").write_bytes(np.ones(4, "<f4").tobytes())
    with RunningServer(folder) as running:
        yield running
        running.assert_idle()


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.grpc) as made:
        yield made


def asked(client: triton.InferenceServerClient, name: str, x: Array) -> Array:
    answer: Array = client.infer(name, tensors(x=x)).as_numpy("y")
    return answer


@pytest.mark.parametrize("name", ["plain", "warmed", "tuned", "two_lines", "all_versions"])
def test_rows_are_answered_in_batches(
    client: triton.InferenceServerClient, name: str
) -> None:
    x = rows(3)
    assert (asked(client, name, x) == x).all()


def test_rows_are_reshaped_on_their_way_in_and_out(
    client: triton.InferenceServerClient,
) -> None:
    x = rows(3)
    assert (asked(client, "reshaped", x.reshape(3, 2, 2)) == x.reshape(3, 1, 4)).all()
    metadata = client.get_model_metadata("reshaped")
    assert [list(t.shape) for t in (*metadata.inputs, *metadata.outputs)] == [
        [-1, 2, 2], [-1, 1, 4]
    ]  # fmt: skip


def test_classes_have_their_labels(client: triton.InferenceServerClient) -> None:
    x = np.array([[0.1, 0.7, 0.2, 0.4], [4, 3, 2, 1]], np.float32)
    wanted = triton.InferRequestedOutput("y", class_count=2)
    found = client.infer("labelled", tensors(x=x), outputs=[wanted]).as_numpy("y")
    assert found.tolist() == [
        [b"0.700000:1:dog", b"0.400000:3:cow"], [b"4.000000:0:cat", b"3.000000:1:dog"]
    ]  # fmt: skip


def test_without_a_batch_the_whole_shape_is_asked(
    client: triton.InferenceServerClient,
) -> None:
    assert client.get_model_config("unbatched").config.max_batch_size == 0
    x = rows(5)
    assert (asked(client, "unbatched", x) == x).all()


def test_torchscript_has_tritons_names(client: triton.InferenceServerClient) -> None:
    import torch

    from runtime.testing.torch_models import make_mlp

    x = np.ones((2, 32), np.float32)
    found = client.infer("torch", tensors(INPUT__0=x)).as_numpy("OUTPUT__0")
    with torch.inference_mode():
        assert np.allclose(found, make_mlp()(torch.from_numpy(x)).numpy(), atol=1e-5)


def test_all_versions_are_served_where_the_policy_says_so(
    client: triton.InferenceServerClient,
) -> None:
    assert client.is_model_ready("all_versions", "1")
    assert client.is_model_ready("all_versions", "3")


def test_what_is_tuned_is_told(client: triton.InferenceServerClient) -> None:
    config = client.get_model_config("tuned").config
    assert config.instance_group[0].count == 2
    assert list(config.dynamic_batching.preferred_batch_size) == [4]
    assert config.dynamic_batching.max_queue_delay_microseconds == 100


def test_warm_up_is_a_step_of_the_load(server: RunningServer) -> None:
    (shown,) = show_model(server.grpc, "warmed")
    assert shown.report is not None
    (run,) = [step for step in shown.report["steps"] if step["name"] == "run"]
    assert "warm-up two recorded rows x 3; warm-up zeros x 1" in run["found"]


def test_a_gpu_is_not_replaced_by_a_cpu_in_silence(server: RunningServer) -> None:
    (listed,) = [m for m in list_models(server.grpc) if m.name == "on_a_gpu"]
    assert listed.state == "UNAVAILABLE"
    assert "KIND_GPU" in listed.reason
    with (
        triton.InferenceServerClient(server.grpc) as client,
        pytest.raises(InferenceServerException, match="not at ready state"),
    ):
        asked(client, "on_a_gpu", rows(1))
