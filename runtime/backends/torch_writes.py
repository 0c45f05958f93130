"""Whether an exported graph writes to its inputs' memory.

Operators say in their schema which arguments they write to, and which results are views of
an argument. A model that writes to an input (or to a view of one) must be given copies; one
that only uses operators in place on its own results need not be.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.fx import Graph, Node

MAY_RETURN_INPUT = ("dropout", "feature_dropout", "alpha_dropout")
"""Operators that return their input itself when not training; their schema does not say."""


def writes_to_inputs(graph: Graph, names: Collection[str]) -> bool:
    """Whether an operator writes to a placeholder of these names, or to a view of one."""
    shared: set[Node] = set()
    for node in graph.nodes:
        if node.op == "placeholder":
            if node.name in names:
                shared.add(node)
        elif shared.intersection(node.all_input_nodes):
            if writes_to(node, shared):
                return True
            if may_share(node):
                shared.add(node)
    return False


def writes_to(node: Node, shared: Collection[Node]) -> bool:
    """Whether a node writes to one of the nodes that share an input's memory."""
    schema: Any = getattr(node.target, "_schema", None)
    if schema is None:
        return False
    positions = {argument.name: place for place, argument in enumerate(schema.arguments)}
    for argument in schema.arguments:
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        place = positions[argument.name]
        given: Any = node.kwargs.get(argument.name)
        if given is None and place < len(node.args):
            given = node.args[place]
        items = given if isinstance(given, (list, tuple)) else [given]
        if any(item in shared for item in items):
            return True
    return False


def may_share(node: Node) -> bool:
    """Whether a node's result may lie in the memory of what it was given."""
    schema: Any = getattr(node.target, "_schema", None)
    if schema is None:
        return node.op != "output"
    if schema.name.rpartition("::")[2].rstrip("_") in MAY_RETURN_INPUT:
        return True
    return any(result.alias_info is not None for result in schema.returns)
