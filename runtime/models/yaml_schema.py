"""The keys of ``leeboard.yaml``, their types and what they mean.

Importing this imports pydantic: do it where a file is about to be read.
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from runtime.models import bounds
from runtime.models import yaml_values as values
from runtime.models.settings import Versions

DURATION_SCHEMA = {
    "oneOf": [
        {"type": "string", "pattern": f"^{values.DURATION.pattern}$"},
        {"const": 0},
    ]
}

Duration = Annotated[
    int, BeforeValidator(values.duration_us), WithJsonSchema(DURATION_SCHEMA)
]
Datatype = Annotated[str, AfterValidator(values.datatype)]
Dim = Annotated[int, Field(ge=-1)]
Rows = Annotated[int, Field(ge=1, le=bounds.MOST_ROWS)]
Name = Annotated[str, Field(min_length=1)]

UNKNOWN_KEY = "unknown_key"


class Keys(BaseModel):
    """A mapping that knows its keys and refuses all others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_keys(cls, given: object) -> object:
        """Name a key that is not known, and the known one that is nearest."""
        if not isinstance(given, dict):
            return given
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, 1)
                remedy = (
                    f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                )
                raise PydanticCustomError(
                    UNKNOWN_KEY,
                    "unknown key; {remedy}",
                    {"key": str(key), "remedy": remedy},
                )
        return given


class Tensor(Keys):
    """What inputs and outputs have in common."""

    name: Name = Field(description="The tensor's name in the model.")
    datatype: Datatype | None = Field(
        default=None, description="KServe datatype such as FP32; TYPE_FP32 is taken too."
    )
    dims: list[Dim] | None = Field(
        default=None,
        description="One row's dimensions, or the whole shape where max_batch_size is 0; "
        "-1 is free.",
    )
    reshape: list[Dim] | None = Field(
        default=None, description="The dimensions that the model sees in their place."
    )


class Input(Tensor):
    """One input."""

    optional: bool = Field(default=False, description="Requests may leave it out.")


class Output(Tensor):
    """One output."""

    labels: Name | None = Field(
        default=None,
        description="A file in the model's folder: the name of each class, one a line.",
    )


class Queue(Keys):
    """Requests that wait for a worker."""

    size: int | None = Field(
        default=None, ge=1, le=bounds.MOST_WAITING, description="Most requests that wait."
    )
    timeout: Duration = Field(
        default=0, description="Longest wait of a request; 0: as long as its deadline."
    )
    on_timeout: Literal["reject", "delay"] = Field(
        default="reject",
        description="Refuse a request that waited too long, or let it go last.",
    )
    allow_timeout_override: bool = Field(
        default=False, description="A request's own timeout may shorten the wait."
    )


class Batching(Keys):
    """How requests become batches."""

    max_delay: Duration | None = Field(
        default=None, description="Longest time that a batch waits for more rows."
    )
    preferred_rows: Rows | None = Field(
        default=None,
        description="Rows at which a batch is closed; else what was measured best.",
    )


class WarmupInput(Keys):
    """One input of a warm-up batch."""

    datatype: Datatype | None = Field(
        default=None, description="As under inputs, if it is there."
    )
    dims: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None, description="As under inputs, if it is there; none may be free."
    )
    fill: Literal["zero", "random"] = Field(
        default="random", description="What it is filled with."
    )
    file: Name | None = Field(
        default=None,
        description="A file in the model's folder: one row as raw elements, instead.",
    )


class Warmup(Keys):
    """One batch to warm the model with."""

    name: str = Field(default="", description="For messages.")
    rows: Rows = Field(default=1, description="Rows of the batch.")
    count: int = Field(default=1, ge=1, le=1000, description="How often it is run.")
    inputs: dict[str, WarmupInput] = Field(description="Each input by its name.")


class LeeboardYaml(Keys):
    """How one model is served. Every key is optional."""

    backend: Name | None = Field(
        default=None, description="onnx, torch or python; else by the file's suffix."
    )
    file: Name | None = Field(
        default=None,
        description="The model's file within a version's folder; else model.SUFFIX.",
    )
    device: Annotated[str, AfterValidator(values.device)] = Field(
        default="cpu", description="cpu, cuda or cuda:N."
    )
    instances: int | None = Field(
        default=None, ge=1, le=bounds.MOST_INSTANCES, description="Worker processes."
    )
    threads: int | None = Field(
        default=None, ge=1, le=bounds.MOST_THREADS, description="Threads of one instance."
    )
    max_batch_size: int | None = Field(
        default=None,
        ge=0,
        le=bounds.MOST_ROWS,
        description="Most rows of a batch; 0: the first dimension is no batch.",
    )
    batch_timeout: Duration | None = Field(
        default=None, description="A batch that takes longer has its worker ended."
    )
    queue: Queue = Field(default=Queue(), description="Requests that wait for a worker.")
    batching: Batching = Field(
        default=Batching(), description="How requests become batches."
    )
    inputs: list[Input] = Field(
        default=[], description="What the file does not say of its inputs."
    )
    outputs: list[Output] = Field(default=[], description="The same of its outputs.")
    versions: Annotated[
        Versions, PlainValidator(values.versions), WithJsonSchema(values.VERSIONS_SCHEMA)
    ] = Field(
        default=Versions(),
        description="all, {latest: N} or a list; else the highest number.",
        json_schema_extra={"default": {"latest": 1}},
    )
    warmup: list[Warmup] = Field(
        default=[], description="Batches to run before the first request."
    )
    tolerance: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default={},
        description="By datatype: how far equal answers may differ in the load check; "
        ".inf: the model is random.",
    )
    decoupled: bool = Field(
        default=False,
        description="A request has any number of responses: predict of a Python class "
        "yields them.",
    )
    side_effects: bool = Field(
        default=False, description="A batch whose worker died is not run again."
    )
    interpreter: Name | None = Field(
        default=None,
        description="The Python of another virtual environment, for the worker.",
    )
    trust: Literal["native-code"] | None = Field(
        default=None, description="native-code: the model may bring compiled code."
    )
    module: Name | None = Field(
        default=None,
        description="package.factory that makes the module for model.safetensors.",
    )
    arguments: dict[str, Any] = Field(
        default={}, description="The factory's keyword arguments."
    )
    class_name: Name | None = Field(
        default=None, alias="class", description="The class in model.py; else Model."
    )
    memory_format: Literal["channels_last"] | None = Field(
        default=None, description="How a PyTorch model keeps images."
    )
    dtype: Literal["bfloat16", "float16"] | None = Field(
        default=None, description="What a PyTorch model computes in."
    )
    options: dict[str, Annotated[str, BeforeValidator(values.option_text)]] = Field(
        default={}, description="The backend's own options."
    )
