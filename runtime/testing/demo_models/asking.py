"""Asks a server through tritonclient: arrays by name in, arrays by name out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runtime.backends.base import Array
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.errors import InputError, ServerError

if TYPE_CHECKING:
    import tritonclient.grpc as triton

REQUEST_LIMIT_S = 30.0
DATATYPES = {dtype: name for name, dtype in NUMPY_TYPES.items() if name != "BF16"}
INVALID_ARGUMENT = "StatusCode.INVALID_ARGUMENT"


def ask(
    client: triton.InferenceServerClient,
    model: str,
    arrays: Mapping[str, Array],
    classes: Mapping[str, int] | None = None,
) -> dict[str, Array]:
    """Return a model's outputs; those in `classes` as that many of their best classes.

    Raises InputError where the server calls it the client's fault, else ServerError, with
    the server's words.
    """
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    inputs = []
    for name, values in arrays.items():
        datatype = DATATYPES[values.dtype]
        inputs.append(triton.InferInput(name, list(values.shape), datatype))
        inputs[-1].set_data_from_numpy(values)
    wanted = [
        triton.InferRequestedOutput(name, class_count=count)
        for name, count in (classes or {}).items()
    ]
    try:
        answer = client.infer(
            model, inputs, outputs=wanted or None, client_timeout=REQUEST_LIMIT_S
        )
    except InferenceServerException as error:
        kind = InputError if error.status() == INVALID_ARGUMENT else ServerError
        raise kind(f"{model}: {error.message()}") from error
    names = [output.name for output in answer.get_response().outputs]
    return {name: answer.as_numpy(name) for name in names}
