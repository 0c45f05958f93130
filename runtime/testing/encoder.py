"""A text encoder of the shape of MiniLM-L6 with random weights: the model of middle weight.

INT64 [N, 32] token numbers -> FP32 [N, 384]: six layers, twelve heads, mean over tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.testing.models import Graph


@dataclass(frozen=True, slots=True)
class Sizes:
    """Dimensions of an encoder."""

    tokens: int = 32
    width: int = 384
    layers: int = 6
    heads: int = 12
    inner: int = 1536
    vocabulary: int = 30_522


def add_norm(graph: Graph, x: str, width: int) -> str:
    """Normalise each token's vector."""
    scale, shift = graph.constant(np.ones(width)), graph.constant(np.zeros(width))
    return graph.node("LayerNormalization", x, scale, shift, axis=-1)


def add_gelu(graph: Graph, x: str) -> str:
    """Apply x * (1 + erf(x / sqrt 2)) / 2."""
    inner = graph.node("Erf", graph.node("Div", x, graph.constant(np.sqrt(2.0))))
    doubled = graph.node("Mul", x, graph.node("Add", inner, graph.constant(1.0)))
    return graph.node("Mul", doubled, graph.constant(0.5))


def add_heads(graph: Graph, x: str, sizes: Sizes, order: list[int]) -> str:
    """Project and split into heads, in an order of axes."""
    split = graph.constant([0, 0, sizes.heads, sizes.width // sizes.heads], "int64")
    projected = graph.dense(x, sizes.width, sizes.width)
    return graph.node("Transpose", graph.node("Reshape", projected, split), perm=order)


def add_attention(graph: Graph, x: str, sizes: Sizes) -> str:
    """Let tokens look at each other."""
    query, value = (add_heads(graph, x, sizes, [0, 2, 1, 3]) for _ in range(2))
    key = add_heads(graph, x, sizes, [0, 2, 3, 1])
    scale = graph.constant(np.sqrt(sizes.width / sizes.heads))
    scores = graph.node("Div", graph.node("MatMul", query, key), scale)
    mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    joined = graph.node("Transpose", mixed, perm=[0, 2, 1, 3])
    shape = graph.constant([0, 0, sizes.width], "int64")
    return graph.dense(graph.node("Reshape", joined, shape), sizes.width, sizes.width)


def add_layer(graph: Graph, x: str, sizes: Sizes) -> str:
    """Attention, then two dense layers, each added to its input and normalised."""
    x = add_norm(graph, graph.node("Add", x, add_attention(graph, x, sizes)), sizes.width)
    inner = add_gelu(graph, graph.dense(x, sizes.width, sizes.inner))
    outer = graph.dense(inner, sizes.inner, sizes.width)
    return add_norm(graph, graph.node("Add", x, outer), sizes.width)


def save_mid(path: Path, sizes: Sizes | None = None, seed: int = 0) -> Path:
    """Write the encoder and return its path."""
    sizes = sizes or Sizes()
    graph = Graph(seed)
    words = graph.node("Gather", graph.random(sizes.vocabulary, sizes.width), "ids")
    places = graph.random(sizes.tokens, sizes.width)
    x = add_norm(graph, graph.node("Add", words, places), sizes.width)
    for _ in range(sizes.layers):
        x = add_layer(graph, x, sizes)
    graph.node("ReduceMean", x, axes=[1], keepdims=0, to="embedding")
    return graph.save(
        path,
        [("ids", "INT64", ["N", sizes.tokens])],
        [("embedding", "FP32", ["N", sizes.width])],
    )
