"""Asks a running server once: what ``leeboard infer`` does.

A plain gRPC client on the project's own messages, so it works against any KServe v2
server that answers ModelMetadata.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from runtime.access.channel import open_channel
from runtime.access.credentials import Shown, find_token
from runtime.backends.base import Array
from runtime.backends.encoding import fit, from_raw, to_raw
from runtime.errors import ConfigError, ServerError
from runtime.messages import (
    Message,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
)

SERVICE = "/inference.GRPCInferenceService/"
UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class Answer:
    """Outputs of one inference, by name, and who answered."""

    model: str
    version: str
    outputs: dict[str, Array]


def ask(
    url: str,
    model: str,
    version: str,
    inputs: list[str],
    timeout_s: float,
    shown: Shown | None = None,
) -> Answer:
    """Read the model's metadata, send the inputs, and return the outputs.

    `url` is ``HOST:PORT`` or ``unix:PATH``; `inputs` are ``NAME=@FILE.npy`` or
    ``NAME=JSON``. Without `shown` a token comes from the environment. Raises ConfigError
    for inputs that do not fit the model and ServerError with the server's code and words.
    """
    import grpc

    shown = shown or Shown(find_token())
    headers = shown.headers
    with open_channel(url, shown, UNLIMITED) as channel:

        def call(method: str, request: Message, response: type[Message]) -> Message:
            invoke: Callable[..., Any] = channel.unary_unary(
                SERVICE + method,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=response.FromString,
            )
            try:
                return invoke(request, timeout=timeout_s, metadata=headers)
            except grpc.RpcError as error:
                code = error.code().name
                raise ServerError(f"{url} answered {code}: {error.details()}") from error

        wanted = ModelMetadataRequest(name=model, version=version)
        metadata = call("ModelMetadata", wanted, ModelMetadataResponse)
        request = make_request(metadata, version, inputs)
        return read_answer(call("ModelInfer", request, ModelInferResponse))


def make_request(metadata: Message, version: str, inputs: list[str]) -> Message:
    """Return the ModelInferRequest for inputs as a person typed them."""
    request = ModelInferRequest(model_name=metadata.name, model_version=version)
    declared = {tensor.name: tensor for tensor in metadata.inputs}
    for text in inputs:
        name, separator, value = text.partition("=")
        if not separator:
            raise ConfigError(
                f"--input {text!r} has no '='; give NAME=@FILE.npy or NAME=JSON"
            )
        if name not in declared:
            raise ConfigError(
                f"{metadata.name} has no input {name!r}; its inputs are "
                + ", ".join(repr(known) for known in declared)
            )
        tensor = declared[name]
        called = f"--input {name}"
        array = fit(called, read_value(name, value), list(tensor.shape))
        request.inputs.add(name=name, datatype=tensor.datatype, shape=array.shape)
        request.raw_input_contents.append(to_raw(called, array, tensor.datatype))
    return request


def read_value(name: str, value: str) -> Array:
    """Return the array behind ``@FILE.npy`` or a JSON text."""
    try:
        if value.startswith("@"):
            with Path(value[1:]).open("rb") as file:
                array = np.load(file, allow_pickle=False)
        else:
            array = np.asarray(json.loads(value))
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise ConfigError(f"--input {name}: {error}") from error
    if not isinstance(array, np.ndarray):
        raise ConfigError(f"--input {name}: {value[1:]} is no .npy file of one array")
    return array


def read_answer(response: Message) -> Answer:
    """Return a response's outputs as arrays."""
    pairs = zip(response.outputs, response.raw_output_contents, strict=True)
    outputs = {
        tensor.name: from_raw(raw, tensor.datatype, tuple(tensor.shape))
        for tensor, raw in pairs
    }
    return Answer(response.model_name, response.model_version, outputs)


def show_outputs(answer: Answer) -> None:
    """Print the outputs as a person reads arrays."""
    sys.stdout.write(f"{answer.model} version {answer.version}\n")
    for name, array in answer.outputs.items():
        sys.stdout.write(f"{name} {array.dtype} {list(array.shape)}\n{array}\n")


def save_outputs(answer: Answer, wanted: list[str]) -> None:
    """Save outputs named as ``NAME=@FILE.npy``."""
    for text in wanted:
        name, _, file = text.partition("=@")
        if name not in answer.outputs or not file:
            raise ConfigError(
                f"--output {text!r} names no output; give NAME=@FILE.npy with one of "
                + ", ".join(repr(known) for known in answer.outputs)
            )
        values = answer.outputs[name]
        if values.dtype == object:
            texts = values.astype("S")  # Objects would need pickle, numpy's texts do not.
            if not np.array_equal(texts, values):
                raise ConfigError(f"--output {name}: .npy loses zero bytes at a text's end")
            values = texts
        try:
            np.save(Path(file), values, allow_pickle=False)
        except OSError as error:
            raise ConfigError(f"--output {name}: {error}") from error
