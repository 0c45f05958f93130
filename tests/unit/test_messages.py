"""Our messages: on the wire those of tritonclient, in the process strangers to them."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from runtime import messages

ROOT = Path(__file__).resolve().parents[2]
FILES = ("inference.proto", "model_config.proto")
THEIR_POOL: Any = import_module("tritonclient.grpc.service_pb2").DESCRIPTOR.pool


def with_nested(descriptor: Descriptor) -> list[Descriptor]:
    nested = [d for inner in descriptor.nested_types for d in with_nested(inner)]
    return [descriptor, *nested]


def all_messages() -> list[Descriptor]:
    files = [messages.POOL.FindFileByName(name) for name in FILES]
    top = [d for file in files for d in file.message_types_by_name.values()]
    return [d for descriptor in top for d in with_nested(descriptor)]


def shape(field: FieldDescriptor) -> tuple[object, ...]:
    """What the wire and the language see of a field."""
    kind = field.message_type or field.enum_type
    oneof = field.containing_oneof
    return (
        field.number,
        field.type,
        field.is_repeated,
        kind.full_name if kind else None,
        oneof.name if oneof else None,
    )


@pytest.mark.parametrize("ours", all_messages(), ids=lambda d: str(d.full_name))
def test_each_field_is_the_one_that_tritonclient_knows(ours: Descriptor) -> None:
    known = THEIR_POOL.FindMessageTypeByName(ours.full_name).fields_by_name
    assert {f.name: shape(f) for f in ours.fields} == {
        f.name: shape(known[f.name]) for f in ours.fields
    }


@pytest.mark.parametrize(
    "name", ["DataType", "ModelInput.Format", "ModelInstanceGroup.Kind"]
)
def test_each_enum_has_the_numbers_that_tritonclient_knows(name: str) -> None:
    ours = messages.POOL.FindEnumTypeByName(f"inference.{name}")
    known = THEIR_POOL.FindEnumTypeByName(f"inference.{name}")
    assert ours.values_by_name.keys() == known.values_by_name.keys()
    assert [v.number for v in ours.values] == [v.number for v in known.values]


def methods(service: ServiceDescriptor) -> dict[str, tuple[object, ...]]:
    return {
        m.name: (
            m.input_type.full_name,
            m.output_type.full_name,
            m.client_streaming,
            m.server_streaming,
        )
        for m in service.methods
    }


def test_the_service_has_the_methods_that_tritonclient_knows() -> None:
    ours = messages.POOL.FindServiceByName("inference.GRPCInferenceService")
    known = THEIR_POOL.FindServiceByName("inference.GRPCInferenceService")
    assert methods(ours) == methods(known)


@pytest.mark.parametrize(
    "imports",
    [
        "import runtime.messages, tritonclient.grpc",
        "import tritonclient.grpc, runtime.messages",
    ],
)
def test_server_and_client_share_a_process_in_either_order(imports: str) -> None:
    program = (
        f"{imports}\n"
        "from tritonclient.grpc import service_pb2 as theirs\n"
        "from runtime import messages as ours\n"
        "sent = ours.ModelReadyRequest(name='m').SerializeToString()\n"
        "assert theirs.ModelReadyRequest.FromString(sent).name == 'm'\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


def test_the_committed_descriptors_are_those_of_the_sources() -> None:
    pytest.importorskip("grpc_tools")
    command = [sys.executable, "protos/generate.py", "--check"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


def test_every_name_of_the_module_is_the_message_of_that_name() -> None:
    classes = {
        name: value
        for name, value in vars(messages).items()
        if isinstance(value, type) and issubclass(value, Message)
    }
    assert len(classes) > 30
    del classes["FileDescriptorSet"]
    assert {name: c.DESCRIPTOR.name for name, c in classes.items()} == {
        name: name for name in classes
    }


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="Surprise"):
        messages.message("inference.Surprise")
