"""Makes, in the current folder, a repository of models that have one usual error each.

`FINE` has none: a server with nothing to serve would end.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runtime.testing.models import save_identity

FINE = "fine"
INPUT = "inputs:\n  - {name: input, datatype: FP32, dims: [4]}\n"
OUTPUT = "outputs:\n  - {name: y, datatype: FP32, dims: [2]}\n"
DECLARED = INPUT + OUTPUT
WIDE = "class Model:\n    def predict(self, batch):\n        x = batch['input'][:, :2]\n"


def file(model: str, name: str, settings: str = "") -> Path:
    """Return the place of a model's file, with settings beside it."""
    folder = Path("models", model, "1")
    folder.mkdir(parents=True)
    if settings:
        folder.with_name("leeboard.yaml").write_text(settings)
    return folder / name


def make_torch() -> None:
    """Files of PyTorch's: pickles, and what lacks or gets a wrong declaration."""
    import torch
    from safetensors.torch import save_file

    linear = torch.nn.Linear(4, 2)
    script = torch.jit.script(linear)
    torch.save(linear.state_dict(), file("pickle", "model.pt2"))
    torch.jit.save(script, file("undeclared", "model.pt"))
    other = DECLARED.replace("name: input", "name: x")
    torch.jit.save(script, file("misnamed", "model.pt", other))
    weights = {"weight": linear.weight.detach()}
    stranger = f"module: my_models.ranker:build\n{DECLARED}"
    save_file(weights, file("stranger", "model.safetensors", stranger))
    known = "module: torch.nn.Linear\narguments: {in_features: 4, out_features: 2}\n"
    save_file(weights, file("unfit", "model.safetensors", known + DECLARED))


def save_list(path: Path) -> None:
    """Write a model whose output is a list of tensors."""
    import onnx

    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4])
    made = onnx.helper.make_tensor_sequence_value_info("y", onnx.TensorProto.FLOAT, None)
    node = onnx.helper.make_node("SequenceConstruct", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "list", [given], [made])
    versions = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=versions, ir_version=8), path)


def make_others() -> None:
    """ONNX files, Python classes and a folder of Triton's."""
    save_list(file("list", "model.onnx"))
    save_identity(file("fixed", "model.onnx", "max_batch_size: 8\n"), "FP32", [1, 4])
    save_identity(file(FINE, "model.onnx"), "FP32", ["N", 4])
    save_identity(file("wrongname", "ranker.onnx"), "FP32", ["N", 4])
    golden = save_identity(file("golden", "model.onnx"), "FP32", ["N", 4])
    ones, zeros = np.ones((1, 4), np.float32), np.zeros((1, 4), np.float32)
    arrays = {"input:x": ones, "output:y": zeros}
    np.savez(golden.with_name("golden.npz"), allow_pickle=False, **arrays)
    wide = f"{WIDE}        return {{'y': x.astype('float64')}}\n"
    file("dtype", "model.py", DECLARED).write_text(wide)
    mixed = f"{WIDE}        return {{'y': x - x.mean(0)}}\n"
    file("mixes", "model.py", f"max_batch_size: 8\n{DECLARED}").write_text(mixed)
    file("tensorrt", "model.plan").with_name("model.plan").write_bytes(b"plan")
    Path("models/tensorrt/config.pbtxt").write_text('backend: "tensorrt"\n')


if __name__ == "make":
    make_torch()
    make_others()
