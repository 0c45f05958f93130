"""Opens ``.pt2`` files: programs of `torch.export`, and packages of AOTInductor.

A program is run by its graph alone, its weights given as arguments: a third of the time of
`ExportedProgram.module()` for a small model. What that would check at every call (sizes,
equalities, ranges) is checked here, once for each shape.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.backends.base import FREE, LoadOptions, Signature, TensorSpec
from runtime.backends.options import choice
from runtime.backends.torch_gate import GatedProgram, gate_program, is_native, open_torch
from runtime.backends.torch_names import all_declared
from runtime.backends.torch_run import Call, Opened, Precision, Tensors, TorchBackend
from runtime.backends.torch_shapes import ShapeCheck, compile_guard, dims_of, ranges_of
from runtime.backends.torch_types import datatype_of, refuse_not_finite
from runtime.backends.torch_writes import writes_to_inputs
from runtime.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.export.graph_signature import InputSpec

logger = logging.getLogger(__name__)

PLATFORM = "pytorch_export"
TRUST = "trust"
NATIVE_CODE = "native-code"


LOADING = threading.Lock()
"""PyTorch's loader keeps state in a global and loads one program at a time."""


def export_backend() -> TorchBackend:
    """Return a backend for ``.pt2`` files."""
    return TorchBackend(open_pt2, (TRUST,))


def open_pt2(path: Path, options: LoadOptions, precision: Precision) -> Opened:
    """Open a program, or with ``trust: native-code`` a package of compiled code."""
    data, archive = open_torch(path)
    trusted = choice(options, TRUST, ("", NATIVE_CODE)) == NATIVE_CODE
    if not is_native(archive):
        return open_program(path, options, precision, gate_program(archive))
    if not trusted:
        raise ModelError(
            f"{path} holds compiled code, which could do anything as soon as it is loaded; "
            f"if you made the file yourself, set the option {TRUST}: {NATIVE_CODE}"
        )
    from runtime.backends.torch_native import open_package

    return open_package(path, options, precision, data)


@contextmanager
def quiet(log: logging.Logger) -> Iterator[None]:
    """Keep a logger from saying what is raised anyway, with a traceback."""
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def load_program(path: Path, gated: GatedProgram) -> ExportedProgram:
    """Load a program that passed the gate; raises ModelError when PyTorch cannot."""
    import torch

    try:
        with LOADING, quiet(logging.getLogger("torch.export")):
            return torch.export.load(gated.archive)
    except Exception as error:
        # The loader raises whatever its parts do; each means that the file is unusable.
        lines = str(error).strip().splitlines() or [""]
        raise ModelError(
            f"{path} cannot be loaded by PyTorch {torch.__version__} "
            f"({type(error).__name__}: {lines[0]}); export it again with this version"
        ) from error


@dataclass(frozen=True, slots=True)
class Plan:
    """How a graph's arguments and results are to be understood.

    `fixed` are all arguments, with None where the inputs go (`places`). `results` are the
    places of the outputs among the graph's results; `updates` are results that the model
    writes back to its buffers.
    """

    fixed: list[Any]
    places: list[int]
    results: list[int]
    updates: list[tuple[int, torch.Tensor]]


def plan_of(program: ExportedProgram, precision: Precision) -> Plan:
    """Read a program's signature; raises ModelError for arguments that are no tensors."""
    signature = program.graph_signature
    held: dict[str, Any] = {}
    fixed: list[Any] = []
    places: list[int] = []
    for place, spec in enumerate(signature.input_specs):
        is_input = spec.kind.name == "USER_INPUT"
        if is_input and type(spec.arg).__name__ == "TensorArgument":
            places.append(place)
            fixed.append(None)
        elif is_input:
            fixed.append(constant_of(spec.arg))
        else:
            fixed.append(weight_of(program, spec, precision))
            held[str(spec.target)] = fixed[-1]
    results, updates = [], []
    for place, output in enumerate(signature.output_specs):
        if output.kind.name == "USER_OUTPUT":
            results.append(place)
        elif output.kind.name in ("BUFFER_MUTATION", "PARAMETER_MUTATION"):
            updates.append((place, held[str(output.target)]))
    return Plan(fixed, places, results, updates)


def constant_of(argument: object) -> object:
    """Return the constant that an input was exported with; raises for a symbolic one."""
    if type(argument).__name__ != "ConstantArgument":
        raise ModelError(
            f"its input {getattr(argument, 'name', '')!r} is a number, not a tensor; "
            "export the model with tensors as inputs"
        )
    value: object = getattr(argument, "value", None)
    return value


def weight_of(program: ExportedProgram, spec: InputSpec, precision: Precision) -> object:
    """Return one weight, checked, as the options want it."""
    name = str(spec.target)
    tensor = program.state_dict.get(name, program.constants.get(name))
    if tensor is None:
        raise ModelError(f"its argument {spec.arg.name!r} is a {spec.kind.name.lower()}")
    refuse_not_finite(name, tensor, spec.kind.name == "PARAMETER")
    return precision.weight(tensor.detach())


def caller(forward: Call, plan: Plan) -> Call:
    """Return the graph as a function of the inputs only, in their order."""
    fixed, places, results, updates = plan.fixed, plan.places, plan.results, plan.updates
    weights = tuple(fixed[: places[0]]) if places else tuple(fixed)
    at_end = places == list(range(len(weights), len(fixed)))

    def filled(*inputs: torch.Tensor) -> Tensors:
        arguments = list(fixed)
        for place, value in zip(places, inputs, strict=True):
            arguments[place] = value
        return forward(*arguments)

    def appended(*inputs: torch.Tensor) -> Tensors:
        return forward(*weights, *inputs)

    run = appended if at_end else filled

    def updating(*inputs: torch.Tensor) -> Tensors:
        values = run(*inputs)
        for place, buffer in updates:
            buffer.copy_(values[place])
        return [values[place] for place in results]

    return updating if updates or results != list(range(len(results))) else run


def spec_of(name: str, value: torch.Tensor) -> TensorSpec:
    """Return a traced tensor as a declaration."""
    shape = tuple(dim if isinstance(dim, int) else FREE for dim in dims_of(value))
    return TensorSpec(name, datatype_of(name, value.dtype), shape)


def traced(program: ExportedProgram, plan: Plan) -> tuple[Tensors, Tensors]:
    """Return the traced values of the inputs and of the outputs; they have shapes."""
    nodes = list(program.graph.find_nodes(op="placeholder"))
    inputs = [nodes[place].meta["val"] for place in plan.places]
    given: Any = program.graph.output_node().args[0]
    outputs = []
    for place in plan.results:
        meta = getattr(given[place], "meta", {})
        if not hasattr(meta.get("val"), "dtype"):
            raise ModelError(
                f"its output {place} is no tensor; export the model with tensors as outputs"
            )
        outputs.append(meta["val"])
    return inputs, outputs


def open_program(
    path: Path, options: LoadOptions, precision: Precision, gated: GatedProgram
) -> Opened:
    """Load a gated program and read all that is known of its tensors."""
    program = load_program(path, gated)
    plan = plan_of(program, precision)
    inputs, outputs = traced(program, plan)
    names = [program.graph_signature.input_specs[place].arg.name for place in plan.places]
    own_inputs = [spec_of(n, v) for n, v in zip(names, inputs, strict=True)]
    own_outputs = [spec_of(f"OUTPUT__{i}", value) for i, value in enumerate(outputs)]
    for spec in options.inputs:
        if spec.optional:
            raise ModelError(
                f"input {spec.name!r} is declared optional, but an exported program "
                "takes all of its inputs; declare it without"
            )
    dims = [dims_of(value) for value in inputs]
    first = {d[0] for d in [*dims, *map(dims_of, outputs)] if d}
    batchable = (
        len(first) == 1
        and all(isinstance(dim, str) for dim in first)
        and all(value.dim() for value in [*inputs, *outputs])
    )
    ranges = ranges_of(program)
    batch = str(next(iter(first))) if batchable else ""
    named_in = all_declared("input", options.inputs, own_inputs)
    named_out = all_declared("output", options.outputs, own_outputs)
    batchable = batchable and all(s.shape[0] == FREE for s in (*named_in, *named_out))
    most = ranges[batch][1] if batchable and batch in ranges else math.inf
    signature = Signature(
        PLATFORM, named_in, named_out, batchable, None if math.isinf(most) else int(most)
    )
    guards = [compile_guard(text) for text in gated.guards]
    nesting = (argument_names(program), program.call_spec.in_spec)
    check = ShapeCheck(path.name, names, dims, ranges, guards, nesting)
    return Opened(
        signature,
        caller(program.graph_module.forward, plan),
        check,
        bool(program.graph_signature.user_inputs_to_mutate)
        or writes_to_inputs(program.graph, names),
    )


def argument_names(program: ExportedProgram) -> list[str]:
    """Return the names of the exported module's own arguments, as guards use them."""
    signature = program.module_call_graph[0].signature
    return list((signature and signature.forward_arg_names) or ())
