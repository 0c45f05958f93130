"""What to trace and where to send it, out of our options and OpenTelemetry's variables.

What a person chose for this server comes before the environment, which may be the same for
many programs. `OTEL_EXPORTER_OTLP_HEADERS`, certificates, compression, time limits and
resource attributes are read by the exporter itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from urllib.parse import urlsplit

from runtime.config import Logs, Tracing
from runtime.errors import ConfigError
from runtime.native.records import TraceOptions

Environment = Mapping[str, str]

GRPC, HTTP = "grpc", "http/protobuf"
HTTP_PORT = 4318
HTTP_PATH = "/v1/traces"
MODULES = {
    GRPC: "opentelemetry.exporter.otlp.proto.grpc",
    HTTP: "opentelemetry.exporter.otlp.proto.http",
}
SAMPLERS = {
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}
"""OTEL_TRACES_SAMPLER -> whether a caller decides, and the share; None is its argument."""

DEFAULT_SAMPLER = "parentbased_always_on"

NOTHING = TraceOptions()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is recorded, and how spans travel; `endpoint` empty leaves it to the exporter.

    `notes` are sentences that belong into the log.
    """

    options: TraceOptions = NOTHING
    protocol: str = GRPC
    endpoint: str = ""
    notes: tuple[str, ...] = ()


def plan_of(tracing: Tracing, logs: Logs, environ: Environment) -> Plan:
    """Return what to do. Raises ConfigError when what was asked for is not installed."""
    options = TraceOptions(slow_ms=logs.slow_request_ms)
    on, notes = is_on(tracing, environ)
    if not on:
        return Plan(options, notes=notes)
    protocol, unknown = protocol_of(tracing, environ)
    notes += unknown
    if not is_installed(MODULES[protocol]):
        words = f"tracing over {protocol} needs OpenTelemetry: pip install 'leeboard[otel]'"
        if tracing.exporter or tracing.endpoint:
            raise ConfigError(words)
        return Plan(options, notes=(*notes, f"nothing is traced: {words}"))
    parent_based, share, strange = sampling_of(tracing, environ)
    options = replace(
        options,
        on=True,
        parent_based=parent_based,
        share=share,
        most_per_s=tracing.most_per_s,
    )
    return Plan(options, protocol, endpoint_of(tracing, protocol), notes + strange)


def is_on(tracing: Tracing, environ: Environment) -> tuple[bool, tuple[str, ...]]:
    """Tell whether to trace, and what to say about it."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        asked = bool(tracing.exporter == "otlp" or tracing.endpoint)
        note = ("nothing is traced: OTEL_SDK_DISABLED is true",)
        return False, note if asked else ()
    if tracing.exporter:
        return tracing.exporter == "otlp", ()
    named = {
        name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",")
    } - {""}
    if tracing.endpoint or "otlp" in named:
        return True, ()
    if named - {"none"}:
        others = ", ".join(sorted(named))
        return False, (f"nothing is traced: OTEL_TRACES_EXPORTER={others} is not otlp",)
    variables = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return not named and any(environ.get(name, "").strip() for name in variables), ()


def protocol_of(tracing: Tracing, environ: Environment) -> tuple[str, tuple[str, ...]]:
    """Return how spans travel; gRPC unless something else is said, or port 4318 is."""
    general = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    named = tracing.protocol or (
        environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "") or general
    )
    named = named.strip()
    if named in MODULES:
        return named, ()
    endpoint = (
        tracing.endpoint
        or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
        or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    )
    chosen = HTTP if f":{HTTP_PORT}" in endpoint else GRPC
    if named:
        words = f"OTEL_EXPORTER_OTLP_PROTOCOL={named} is not known; {chosen} is used"
        return chosen, (words,)
    return chosen, ()


def endpoint_of(tracing: Tracing, protocol: str) -> str:
    """Return the endpoint that a person chose, complete, or nothing.

    Examples
    --------
    >>> endpoint_of(Tracing(endpoint="http://collector:4318"), HTTP)
    'http://collector:4318/v1/traces'
    >>> endpoint_of(Tracing(endpoint="http://collector:4317"), GRPC)
    'http://collector:4317'
    """
    chosen = tracing.endpoint
    if not chosen or protocol == GRPC or urlsplit(chosen).path.strip("/"):
        return chosen
    return chosen.rstrip("/") + HTTP_PATH


def sampling_of(
    tracing: Tracing, environ: Environment
) -> tuple[bool, float, tuple[str, ...]]:
    """Return whether a caller decides, the share of other traces, and what to say."""
    notes: tuple[str, ...] = ()
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() or DEFAULT_SAMPLER
    if name not in SAMPLERS:
        notes = (f"OTEL_TRACES_SAMPLER={name} is not known; {DEFAULT_SAMPLER} is used",)
        name = DEFAULT_SAMPLER
    parent_based, share = SAMPLERS[name]
    if tracing.share is not None:
        return parent_based, tracing.share, notes
    if share is None:
        argument = environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or "1.0"
        share = share_from(argument)
        if share is None:
            notes += (f"OTEL_TRACES_SAMPLER_ARG={argument} is no share; 1.0 is used",)
            share = 1.0
    return parent_based, share, notes


def share_from(text: str) -> float | None:
    """Return a share of 0 to 1, or None."""
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def is_installed(module: str) -> bool:
    """Tell whether a module could be imported, without doing so."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
