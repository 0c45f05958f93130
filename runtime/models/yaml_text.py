"""Reads YAML safely: plain data only, no key twice, no more nodes than a person writes.

Importing this imports PyYAML: do it where a file is about to be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml

from runtime.errors import ConfigError

MOST_NODES = 20_000
"""Most nodes after all aliases have been followed; a list of ten thousand entries fits."""

DEEPEST = 50

FLOAT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
"""Numbers such as 1e-4, which YAML 1.1 takes for text."""


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader that also takes 1e-4 for a number."""


Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789"))


def parse(text: str) -> object:
    """Return what a YAML text says; None for an empty one.

    Raises ConfigError, with the line where there is one, for everything else.
    """
    try:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check(node, 1, [0])
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ConfigError(f"it is nested more than {DEEPEST} deep") from error
    # A wrong value behind an explicit tag, as in `!!int x`, leaves PyYAML in many ways.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ConfigError(f"a value is not what its tag says: {error}") from error


def _check(node: yaml.Node, depth: int, seen: list[int]) -> None:
    """Refuse keys that are written twice, and texts that unfold without end."""
    seen[0] += 1
    if seen[0] > MOST_NODES:
        raise ConfigError(f"it holds more than {MOST_NODES} values")
    if depth > DEEPEST:
        raise ConfigError(f"it is nested more than {DEEPEST} deep")
    children: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        _check_keys(key for key, _ in node.value)
        children = [child for pair in node.value for child in pair]
    for child in children:
        _check(child, depth + 1, seen)


def _check_keys(keys: Iterable[yaml.Node]) -> None:
    known: set[str] = set()
    for key in keys:
        if isinstance(key, yaml.ScalarNode):
            if key.value in known:
                line = key.start_mark.line + 1
                raise ConfigError(f"line {line}: {key.value!r} is there twice")
            known.add(key.value)
