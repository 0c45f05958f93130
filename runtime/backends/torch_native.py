"""Opens packages of AOTInductor: a model compiled to a shared library.

The library is the file's own machine code, so only ``trust: native-code`` leads here. It
holds the GIL while it runs, which in a worker of its own disturbs nobody. It knows nothing
of names, and does not check sizes; the declaration does.
"""

from __future__ import annotations

import io
from pathlib import Path

from runtime.backends.base import LoadOptions, Signature
from runtime.backends.torch_names import (
    may_batch,
    ordered,
    refuse_undeclared,
)
from runtime.backends.torch_run import Opened, Precision
from runtime.errors import ModelError

PLATFORM = "pytorch_aotinductor"


def open_package(
    path: Path, options: LoadOptions, precision: Precision, data: bytes
) -> Opened:
    """Load a package's library; inputs are in the order of the exported arguments."""
    if precision != Precision(None, False):
        raise ModelError(
            "compiled code cannot change its dtype or memory format; compile it so"
        )
    refuse_undeclared("compiled code", options)
    inputs = ordered("input", options.inputs)
    outputs = ordered("output", options.outputs)
    for spec in inputs:
        if spec.optional:
            raise ModelError(f"input {spec.name!r} cannot be optional in compiled code")
    from torch._inductor.package.package import load_package

    try:
        package = load_package(io.BytesIO(data), run_single_threaded=True)
    except Exception as error:
        # Its parts raise what they like; each means that the package is unusable here.
        lines = str(error).strip().splitlines() or [""]
        raise ModelError(
            f"{path} cannot be loaded ({type(error).__name__}: {lines[0]}); compile it "
            "again for this processor with this version of PyTorch"
        ) from error
    run = package.loader.boxed_run
    signature = Signature(PLATFORM, inputs, outputs, may_batch(inputs, outputs))
    return Opened(signature, lambda *tensors: run(list(tensors)))
