"""The gate before PyTorch: what a ``.pt2`` may hold, checked before it is loaded.

`torch.export.load` runs pickles and evaluates text of the file. This gate takes what a
program needs (weights as raw bytes, descriptions as JSON), checks it, and builds the
archive that is loaded from that alone. Sample inputs, which are pickles, are left empty. A
file that passes could not run code of its own; the worker process is the wall behind it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from runtime.backends.archive import Archive, build_archive, open_archive, read_once
from runtime.backends.torch_words import (
    DOTTED,
    entries,
    parse_guard,
    refuse_expression,
    refuse_name,
    refuse_operator,
)
from runtime.errors import ModelError

MODEL = "models/model.json"
SAMPLES = "data/sample_inputs/model.pt"
CONFIGS = {
    "data/weights/model_weights_config.json": ("data/weights/", r"weight_\d+"),
    "data/constants/model_constants_config.json": ("data/constants/", r"tensor_\d+"),
}
PLAIN_MEMBERS = ("archive_format", "archive_version", "byteorder", ".data/version")
NATIVE = "data/aotinductor/"

CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict",
              "collections.OrderedDict")  # fmt: skip

PICKLE_ADVICE = (
    "is a pickle, which runs code of the file when it is opened, so it never is: export "
    "the model with torch.export.save(torch.export.export(...), 'model.pt2'), or save its "
    "weights with safetensors.torch.save_file and name the factory (option module)"
)


@dataclass(frozen=True, slots=True)
class GatedProgram:
    """An exported program that may be loaded, and the guards to keep instead of PyTorch."""

    archive: io.BytesIO
    guards: tuple[str, ...]


def is_pickle(data: bytes) -> bool:
    """Whether bytes begin as a pickle of protocol 2 or later does."""
    return data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05"


def open_torch(path: Path) -> tuple[bytes, Archive]:
    """Read a file of PyTorch once; raises ModelError for a pickle or a broken archive."""
    data = read_once(path)
    if is_pickle(data):
        raise ModelError(f"{path} {PICKLE_ADVICE}")
    archive = open_archive(path, data)
    pickled = "data.pkl" in archive.members
    if pickled and not any(name.startswith("code/") for name in archive.members):
        raise ModelError(f"{path} {PICKLE_ADVICE}")
    return data, archive


def refuse_legacy(archive: Archive) -> None:
    """Raise ModelError for the layout of PyTorch before 2.8, which holds pickles."""
    for name in archive.members:
        if name == "version" or name.startswith("serialized_"):
            raise ModelError(
                f"{archive.path} was written by PyTorch 2.7 or older, whose files hold "
                "pickles; load it there and export it again with a later PyTorch"
            )


def is_native(archive: Archive) -> bool:
    """Whether an archive holds compiled code of AOTInductor."""
    return any(name.startswith(NATIVE) for name in archive.members)


def gate_program(archive: Archive) -> GatedProgram:
    """Check an exported program; raises ModelError with the file, what is odd, and why."""
    refuse_legacy(archive)
    members = archive.members
    missing = [name for name in (MODEL, *CONFIGS) if name not in members]
    if missing:
        raise ModelError(
            f"{archive.path} has no {missing[0]}; it is not a program as "
            "torch.export.save of PyTorch 2.13 writes it: export it again with a later one"
        )
    described = {name: archive.read(name) for name in (MODEL, *CONFIGS)}
    try:
        weights = weight_members(described)
        program = json.loads(described[MODEL])
        guards = check_program(program)
    except ModelError as error:
        if str(archive.path) in str(error):
            raise
        raise ModelError(f"{archive.path} is refused: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{archive.path} does not describe a program ({type(error).__name__}: "
            f"{error}); export it again"
        ) from error
    lost = [name for name in weights if name not in members]
    if lost:
        raise ModelError(f"{archive.path} has no {lost[0]}, a weight; export it again")
    plain = [name for name in PLAIN_MEMBERS if name in members]
    # Empty, the loader takes sample inputs for none; left out, it fails.
    described |= {MODEL: json.dumps(program).encode(), SAMPLES: b""}
    copied = ((name, archive.read(name)) for name in (*plain, *weights))
    built = build_archive(archive.root, chain(described.items(), copied))
    return GatedProgram(built, guards)


def weight_members(described: Mapping[str, bytes]) -> list[str]:
    """Return the members that hold weights, each once; none may be a pickle."""
    named = [
        folder + name
        for config, (folder, pattern) in CONFIGS.items()
        for name in payloads(described[config], pattern)
    ]
    return list(dict.fromkeys(named))


def payloads(content: bytes, pattern: str) -> list[str]:
    """Return the members that a weights' description names; none may be a pickle."""
    names = []
    for fqn, about in json.loads(content)["config"].items():
        name = about["path_name"]
        if about["use_pickle"] is not False or not re.fullmatch(pattern, name):
            raise ModelError(
                f"{fqn!r} is stored as a pickle or an object ({name!r}), which runs code "
                "of the file; only plain tensors can be served: export the model without it"
            )
        names.append(name)
    for key, value in entries(json.loads(content)):
        if key == "expr_str":
            refuse_expression(value)
    return names


def check_program(program: dict[str, Any]) -> tuple[str, ...]:
    """Check a program's JSON, take out what is not needed, and return its guards."""
    guards = tuple(program.get("guards_code", ()))
    for guard in guards:
        parse_guard(guard)
    program["guards_code"] = []
    for symbol in program["range_constraints"]:
        refuse_expression(symbol)
    module = program["graph_module"]
    module["metadata"] = {}
    if module.get("treespec_namedtuple_fields"):
        raise ModelError("it passes named tuples; export it with tuples, lists or dicts")
    for entry in module["module_call_graph"]:
        signature = entry["signature"]
        for spec in ("in_spec", "out_spec") if signature else ():
            check_tree(signature[spec])
    for key, value in entries(module):
        check_entry(key, value)
    return guards


def check_entry(key: str, value: object) -> None:
    """Check one entry of a program's JSON by its key; drops what tells of its source."""
    if key == "nodes" and isinstance(value, list):
        for node in value:
            refuse_operator(node["target"])
            node["metadata"] = {}
    elif key in TEXTS:
        TEXTS[key](value)
    elif key.endswith("_name") or key == "fqn":
        refuse_name(value, DOTTED)
    elif key in ("as_custom_obj", "custom_obj") or (key == "custom_obj_values" and value):
        raise ModelError("it holds objects of its own classes, which are pickles; export "
                         "it without them")  # fmt: skip
    elif key.endswith("_values"):
        refuse_names(value)


def refuse_names(names: object) -> None:
    """Raise ModelError unless a name, or each of a list or of a mapping's keys, is one."""
    for name in names if isinstance(names, (list, Mapping)) else [names]:
        refuse_name(name)


TEXTS: dict[str, Callable[[object], None]] = {
    "as_operator": refuse_operator,
    "expr_str": refuse_expression,
    "name": refuse_name,
    "as_name": refuse_name,
    "forward_arg_names": refuse_names,
}
"""How the text under a key of a program's JSON is checked."""


def check_tree(text: str) -> None:
    """Check how inputs or outputs are nested: PyTorch imports the types that this names."""
    for key, value in entries(json.loads(text)):
        if key == "type" and value not in CONTAINERS:
            raise ModelError(
                f"its inputs or outputs are of {value}; export it with tuples, lists or "
                "dicts"
            )
        if key == "context" and value and "__enum__" in value:
            raise ModelError("its inputs or outputs have keys that are no text")
