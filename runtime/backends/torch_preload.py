"""Imports what workers of PyTorch models need, for the process that forks them."""

from __future__ import annotations

from importlib import import_module

LATER = (
    "torch.export.pt2_archive._package",
    "torch._export.serde.serialize",
    "torch.utils._sympy.functions",
    "safetensors.torch",
    "runtime.backends.torch_export",
    "runtime.backends.torch_module",
    "runtime.backends.torch_script",
)
"""What loading a model would import; a version of PyTorch may lack some of it."""

MISSING: list[str] = []
"""Those that could not be imported; loading a model that needs them says so."""

for _module in LATER:
    try:
        import_module(_module)
    except ImportError:
        MISSING.append(_module)
