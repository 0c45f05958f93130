"""What a person can choose, as frozen data. Only `app` and `cli` see a whole Config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the server listens; port 0 takes a free one.

    `also` are more addresses for gRPC, as `parse_address` reads them.
    """

    host: str = "127.0.0.1"
    grpc_port: int = 8001
    http_port: int = 8002
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """A listener for gRPC: a host and a port, or a Unix socket's path."""

    host: str
    port: int
    path: str
    tls: bool


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of the gRPC ports; without a certificate they speak in the clear.

    With `client_ca`, every client must show a certificate that one of its authorities has
    signed. The files are looked at again every `poll_s`.
    """

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    poll_s: float = 5.0


COMPRESSIONS = ("none", "gzip")


@dataclass(frozen=True, slots=True)
class Transport:
    """How connections are kept, ended and compressed; times in seconds, 0 is never.

    A silent client is pinged after `keepalive_time_s` and closed when it stays silent for
    `keepalive_timeout_s` more. Ages have a tenth of jitter; calls of a connection that is
    too old or idle get the grace to end. Answers of 1 to 256 KiB are compressed for
    clients that accept it.
    """

    handshake_timeout_s: float = 10.0
    keepalive_time_s: float = 60.0
    keepalive_timeout_s: float = 20.0
    max_connection_age_s: float = 0.0
    max_connection_age_grace_s: float = 60.0
    max_connection_idle_s: float = 0.0
    compress_replies: str = "none"
    compression_level: int = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the front end: messages, budgets, connections, streams."""

    max_message_bytes: int = 256 * MIB
    connection_budget_bytes: int = 512 * MIB
    server_budget_bytes: int = 1024 * MIB
    max_connections: int = 4096
    max_concurrent_streams: int = 1024


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests of one version become batches.

    `max_batch_size` None lets the model decide (64 where batching is proven, else 0);
    `max_queue_size` bounds the requests that wait for a worker. A batch that takes longer
    than `batch_timeout_s` has its worker ended; 0 lets the batches so far decide.
    """

    max_batch_size: int | None = None
    max_queue_delay_us: int = 0
    max_queue_size: int = 4096
    batch_timeout_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Workers:
    """Worker processes of each version and the memory they share with the front end.

    `memory_bytes` bounds a worker's own memory and `cpus` names its processors; 0 and an
    empty tuple leave it unbound. Without `forks` every worker is a fresh interpreter.
    `modules` are the packages whose factories may make a model's module. A worker keeps
    `recorded_bytes` of the requests that it was asked last, for its version's successor.
    """

    instances: int = 1
    threads: int = 1
    input_bytes: int = 512 * MIB
    output_bytes: int = 512 * MIB
    load_timeout_s: float = 600.0
    memory_bytes: int = 0
    recorded_bytes: int = 16 * MIB
    cpus: tuple[int, ...] = ()
    forks: bool = True
    modules: tuple[str, ...] = ()


MODES = ("none", "explicit", "poll")


@dataclass(frozen=True, slots=True)
class Repository:
    """Which models are loaded, and when.

    `mode` none loads all at the start and nothing later, explicit loads `load` (``*`` is
    all) and then what is asked for, poll follows the folder, looking every `poll_s`. Asking
    over gRPC needs `rpc` where others than this machine can reach the port.
    """

    mode: str = "none"
    load: tuple[str, ...] = ()
    poll_s: float = 2.0
    rpc: bool = False


SWAPS = ("overlap", "replace")


@dataclass(frozen=True, slots=True)
class Registry:
    """Where versions come from, and how one takes another's place.

    `place` is a folder with a store, ``folder:DIR`` or ``mlflow:URI``; empty is none.
    `models` are ``NAME@ALIAS``, or names, which follow ``champion``. The registry is looked
    at every `poll_s` besides its own word of changes. `most_warm` versions that served
    before stay loaded for `keep_warm_s`. With `swap` replace a version may be ended before
    the next one is loaded, where both do not fit. `state` is the server's own folder.
    """

    place: str = ""
    models: tuple[str, ...] = ()
    namespace: str = "default"
    poll_s: float = 2.0
    keep_warm_s: float = 1800.0
    most_warm: int = 1
    swap: str = "overlap"
    state: Path | None = None


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Whether what is served is watched, how often it is looked at, and who is told.

    `file` says how models are watched (`runtime.monitor.settings`). `sinks` are ``log``,
    ``webhook:URL`` or ``alertmanager:URL``; `secret` is a file with what signs webhooks.
    """

    is_on: bool = True
    interval_s: float = 1.0
    file: Path | None = None
    sinks: tuple[str, ...] = ("log",)
    secret: Path | None = None


LOG_FORMATS = ("plain", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Logs:
    """What is said in the log, and how.

    A request that takes `slow_request_ms` or longer has a line of its own, ten a second at
    most; 0 turns that off.
    """

    format: str = "plain"
    level: str = "info"
    slow_request_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """What ``/metrics`` shows: Triton's names beside ours, or ours alone."""

    triton_names: bool = True


TRACE_EXPORTERS = ("", "none", "otlp")
TRACE_PROTOCOLS = ("", "grpc", "http/protobuf")


@dataclass(frozen=True, slots=True)
class Tracing:
    """Which requests are traced, and where their spans go.

    `exporter` otlp sends them to `endpoint`, none traces nothing; where it is empty the
    variables of OpenTelemetry decide, as they do for an empty endpoint or protocol and for
    no `share`. A caller's flag decides about its requests, `share` (0 to 1) about those
    without one; never more than `most_per_s`.
    """

    exporter: str = ""
    endpoint: str = ""
    protocol: str = ""
    share: float | None = None
    most_per_s: float = 100.0


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what: the token file, and what is done without.

    `insecure` lets everybody in where others than this machine can reach a port. Without
    `open_health`, probes need a token as well.
    """

    tokens: Path | None = None
    insecure: bool = False
    open_health: bool = True


NO_PORT = -1


@dataclass(frozen=True, slots=True)
class Control:
    """The control port; 0 takes a free one, `NO_PORT` does without.

    `host` may be ``unix:PATH``: then the port says only whether there is one.
    """

    host: str = "127.0.0.1"
    port: int = 8003


@dataclass(frozen=True, slots=True)
class Config:
    """All of it.

    One built by hand has no control port and no monitor: a program that wants them says so.
    """

    path: Path | None
    listen: Listen = Listen()
    tls: Tls = Tls()
    access: Access = Access()
    control: Control = Control(port=NO_PORT)
    transport: Transport = Transport()
    limits: Limits = Limits()
    batching: Batching = Batching()
    workers: Workers = Workers()
    repository: Repository = Repository()
    registry: Registry = Registry()
    monitoring: Monitoring = Monitoring(is_on=False)
    logs: Logs = Logs()
    metrics: Metrics = Metrics()
    tracing: Tracing = Tracing()
    warmup: Path | None = None
    cache_dir: Path | None = None
    ready_file: Path | None = None
    exit_timeout_s: float = 30.0
    strict: bool = False
