"""Small ONNX models made on the spot, seeded: for tests, checks and benchmarks.

Each function writes one file and returns its path. Needs the package `onnx`, which is
imported when the first model is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

Attribute = int | float | list[int]
Dims = Sequence[int | str | None]

OPSET = 17
IR_VERSION = 9

ELEMENT_NAMES = {
    "BOOL": "BOOL",
    "BYTES": "STRING",
    "FP16": "FLOAT16",
    "FP32": "FLOAT",
    "FP64": "DOUBLE",
    "BF16": "BFLOAT16",
}
"""KServe datatypes whose ONNX name is another word."""


class Graph:
    """A graph under construction: nodes and weights in order, then one file."""

    def __init__(self, seed: int = 0) -> None:
        from onnx import TensorProto, helper, numpy_helper

        self._helper: Any = helper
        self._numpy, self._types = numpy_helper, TensorProto
        self._rng = np.random.default_rng(seed)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def node(self, kind: str, *inputs: str, to: str = "", **attributes: Attribute) -> str:
        """Add a node with one output and return that output's name."""
        output = to or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(
            self._helper.make_node(kind, list(inputs), [output], **attributes)
        )
        return output

    def constant(self, values: object, dtype: str = "float32") -> str:
        """Add a weight with these values and return its name."""
        name = f"weight_{len(self._weights)}"
        self._weights.append(self._numpy.from_array(np.array(values, dtype), name))
        return name

    def random(self, *shape: int) -> str:
        """Add a random weight whose product with a unit row stays near one."""
        values = self._rng.standard_normal(shape, dtype=np.float32)
        return self.constant(values / np.sqrt(shape[0], dtype=np.float32))

    def dense(self, x: str, width_in: int, width_out: int, to: str = "") -> str:
        """Add a layer x @ w + b."""
        product = self.node("MatMul", x, self.random(width_in, width_out))
        return self.node("Add", product, self.constant(np.zeros(width_out)), to=to)

    def tensor(self, name: str, datatype: str, shape: Dims) -> onnx.ValueInfoProto:
        """Describe an input or output."""
        element = getattr(self._types, ELEMENT_NAMES.get(datatype, datatype))
        info: onnx.ValueInfoProto = self._helper.make_tensor_value_info(
            name, element, shape
        )
        return info

    def save(
        self,
        path: Path,
        inputs: Sequence[tuple[str, str, Dims]],
        outputs: Sequence[tuple[str, str, Dims]],
    ) -> Path:
        """Write the graph with its inputs and outputs (name, datatype, shape)."""
        graph = self._helper.make_graph(
            self._nodes,
            "graph",
            [self.tensor(*declared) for declared in inputs],
            [self.tensor(*declared) for declared in outputs],
            self._weights,
        )
        model = self._helper.make_model(
            graph,
            opset_imports=[self._helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
        return path


def save_mlp(path: Path, widths: Sequence[int] = (32, 64, 64, 8), seed: int = 0) -> Path:
    """Write dense layers with ReLU between: FP32 [N, first] -> FP32 [N, last]."""
    graph = Graph(seed)
    x = "x"
    for place, (width_in, width_out) in enumerate(pairwise(widths), 2):
        is_last = place == len(widths)
        x = graph.dense(x, width_in, width_out, to="y" if is_last else "")
        x = x if is_last else graph.node("Relu", x)
    return graph.save(
        path, [("x", "FP32", ["N", widths[0]])], [("y", "FP32", ["N", widths[-1]])]
    )


def save_wide(path: Path, seed: int = 0) -> Path:
    """Write 61 MB of dense weights: FP32 [N, 1024] -> FP32 [N, 256]; batching pays here."""
    return save_mlp(path, (1024, 3328, 3328, 256), seed)


def save_identity(path: Path, datatype: str = "FP32", shape: Dims = ("N", 4)) -> Path:
    """Write a model that answers its input, whatever the datatype and shape."""
    graph = Graph()
    graph.node("Identity", "x", to="y")
    return graph.save(path, [("x", datatype, shape)], [("y", datatype, shape)])


def save_big(path: Path) -> Path:
    """Write the identity of FP32 [N, 150000]: 600 KB a row each way."""
    return save_identity(path, "FP32", ["N", 150_000])


def save_mean_over_batch(path: Path, width: int = 4) -> Path:
    """Write a model that takes the mean over the batch from each row: rows mix."""
    graph = Graph()
    mean = graph.node("ReduceMean", "x", axes=[0], keepdims=1)
    graph.node("Sub", "x", mean, to="y")
    shape: Dims = ["N", width]
    return graph.save(path, [("x", "FP32", shape)], [("y", "FP32", shape)])


def save_flattened(path: Path, width: int = 4) -> Path:
    """Write FP32 [N, width] -> FP32 [M, 1], M = N * width: rows are not rows any more."""
    graph = Graph()
    graph.node("Reshape", "x", graph.constant([-1, 1], "int64"), to="y")
    return graph.save(path, [("x", "FP32", ["N", width])], [("y", "FP32", ["M", 1])])


def save_positive_only(path: Path, width: int = 4) -> Path:
    """Write FP32 [N, width] -> FP32 [M], its values above zero: data shapes it."""
    graph = Graph()
    above = graph.node("Greater", "x", graph.constant([0.0]))
    graph.node("Compress", "x", graph.node("Reshape", above, graph.constant([-1], "int64")),
               to="y")  # fmt: skip
    return graph.save(path, [("x", "FP32", ["N", width])], [("y", "FP32", ["M"])])


def save_not_a_number(path: Path, width: int = 4) -> Path:
    """Write a model whose output is NaN: the logarithm of minus one minus x squared."""
    graph = Graph()
    squared = graph.node("Mul", "x", "x")
    graph.node("Log", graph.node("Sub", graph.constant([-1.0]), squared), to="y")
    shape: Dims = ["N", width]
    return graph.save(path, [("x", "FP32", shape)], [("y", "FP32", shape)])


def save_embedding(path: Path, entries: int = 10, width: int = 4) -> Path:
    """Write INT64 [N] -> FP32 [N, width], which fails for an index beyond `entries`."""
    graph = Graph()
    graph.node("Gather", graph.random(entries, width), "x", to="y")
    return graph.save(path, [("x", "INT64", ["N"])], [("y", "FP32", ["N", width])])


def save_slow(path: Path, products: int = 8, width: int = 512) -> Path:
    """Write FP32 [N, 4] -> FP32 [N, 4] that multiplies square matrices for every row.

    One product of width 512 takes some 2 ms a row on one core.
    """
    graph = Graph()
    x = graph.node("Unsqueeze", "x", graph.constant([1], "int64"))
    square = graph.node("Mul", graph.random(width, width),
                        graph.node("ReduceMean", x, axes=[2], keepdims=1))  # fmt: skip
    for _ in range(products):
        square = graph.node(
            "Tanh", graph.node("MatMul", square, graph.random(width, width))
        )
    mean = graph.node("ReduceMean", square, axes=[1, 2], keepdims=0)
    graph.node(
        "Add", "x", graph.node("Unsqueeze", mean, graph.constant([1], "int64")), to="y"
    )
    return graph.save(path, [("x", "FP32", ["N", 4])], [("y", "FP32", ["N", 4])])
