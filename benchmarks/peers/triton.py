"""Triton without a container: the tritonserver binary of the nvidia-pytriton wheel.

The wheel has the Python backend and no other, so the model is a `model.py` that runs ONNX
Runtime; PyTriton's own proxy takes no part. The backend starts a stub process, which must
lie beside the backend's library, finds libpython through LD_LIBRARY_PATH, and gets the
environment's packages from the first lines of `model.py`, because it ignores PYTHONPATH.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.peers.launches import MOST_ROWS
from benchmarks.peers.place import Launch, Place
from benchmarks.peers.session import Tensor, describe, open_session

STUB = "triton_python_backend_stub"
INSTANCE = "instance_group [ { kind: KIND_CPU count: 1 } ]"
MODEL_PY = """import sys

sys.path[:0] = {paths!r}

from benchmarks.peers.servers.triton_onnx import TritonPythonModel as TritonPythonModel
"""


def tensor_text(kind: str, tensor: Tensor) -> str:
    """Return one input or output of a config.pbtxt; the batch dimension is not told.

    Examples
    --------
    >>> tensor_text("input", {"name": "x", "datatype": "FP32", "shape": [-1, 32]})
    'input [ { name: "x" data_type: TYPE_FP32 dims: [ 32 ] } ]'
    """
    dims = ", ".join(str(size) for size in tensor["shape"][1:])
    about = f'name: "{tensor["name"]}" data_type: TYPE_{tensor["datatype"]}'
    return f"{kind} [ {{ {about} dims: [ {dims} ] }} ]"


def config_text(
    model: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor], batching: bool
) -> str:
    """Return a model's config.pbtxt."""
    lines = [f'name: "{model.stem}"', 'backend: "python"', f"max_batch_size: {MOST_ROWS}"]
    lines += [tensor_text("input", tensor) for tensor in inputs]
    lines += [tensor_text("output", tensor) for tensor in outputs]
    lines.append(INSTANCE)
    lines.append(f'parameters {{ key: "onnx" value {{ string_value: "{model}" }} }}')
    if batching:
        lines.append("dynamic_batching { }")
    return "\n".join(lines) + "\n"


def write_repository(place: Place, batching: bool) -> Path:
    """Write a model repository with one model and return its folder."""
    repository = place.folder / "models"
    shutil.rmtree(repository, ignore_errors=True)
    folder = repository / place.model.stem
    (folder / "1").mkdir(parents=True)
    session = open_session(place.model)
    inputs, outputs = describe(session.get_inputs()), describe(session.get_outputs())
    (folder / "config.pbtxt").write_text(
        config_text(place.model, inputs, outputs, batching)
    )
    paths = [str(place.site_packages), str(ROOT)]
    (folder / "1" / "model.py").write_text(MODEL_PY.format(paths=paths))
    return repository


def put_stub(server: Path) -> None:
    """Copy the stub for this interpreter beside the Python backend's library."""
    beside = server / "backends" / "python" / STUB
    if not beside.exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        shutil.copy2(server / "python_backend_stubs" / version / STUB, beside)


def triton_with(place: Place, batching: bool) -> Launch:
    """Prepare stub and repository and return the command."""
    server = place.site_packages / "pytriton" / "tritonserver"
    put_stub(server)
    command = [
        str(server / "bin" / "tritonserver"),
        f"--model-repository={write_repository(place, batching)}",
        f"--backend-directory={server / 'backends'}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={place.grpc_port}",
        "--allow-http=false",
        "--allow-metrics=false",
        "--disable-auto-complete-config",
    ]
    return Launch(command, {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))})


def triton_python(place: Place) -> Launch:
    """Start Triton with dynamic batching."""
    return triton_with(place, batching=True)


def triton_python_alone(place: Place) -> Launch:
    """Start Triton without batching."""
    return triton_with(place, batching=False)
