"""What server reflection tells of the services on the data port.

Source: grpc.reflection.v1.ServerReflection; the descriptors are those of `protos/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from runtime.messages import DESCRIPTORS
from runtime.native.reflection import Reflection

CONTROL = "control.proto"
"""Served on the control port, which tells of it itself."""


def reflection() -> Reflection:
    """Return what a server of ours tells about itself."""
    told = Reflection()
    services = []
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        if file.name == CONTROL:
            continue
        told.add_file(
            file.name,
            file.SerializeToString(),
            list(symbols(file)),
            list(file.dependency),
        )
        services += [f"{file.package}.{service.name}" for service in file.service]
    for name in sorted(services):
        told.add_service(name)
    return told


def symbols(file: FileDescriptorProto) -> Iterator[str]:
    """Return the full names of all that a file defines, fields and enum values aside.

    Examples
    --------
    >>> file = FileDescriptorProto(package="p")
    >>> _ = file.message_type.add(name="M").nested_type.add(name="N")
    >>> _ = file.service.add(name="S").method.add(name="Do")
    >>> list(symbols(file))
    ['p.M', 'p.M.N', 'p.S', 'p.S.Do']
    """
    package = f"{file.package}." if file.package else ""
    yield from _types(package, file.message_type, file.enum_type)
    for service in file.service:
        yield f"{package}{service.name}"
        for method in service.method:
            yield f"{package}{service.name}.{method.name}"


def _types(
    scope: str,
    messages: Iterable[DescriptorProto],
    enums: Iterable[EnumDescriptorProto],
) -> Iterator[str]:
    for message in messages:
        name = f"{scope}{message.name}"
        yield name
        yield from _types(f"{name}.", message.nested_type, message.enum_type)
    for enum in enums:
        yield f"{scope}{enum.name}"
