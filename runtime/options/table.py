"""All options of ``leeboard serve``, each declared once.

A row makes the flag, the environment's variable, the file's key, the JSON schema, the help
and the page of docs. What one model needs stands beside that model, in ``leeboard.yaml``.
"""

from __future__ import annotations

import re

from runtime.config import (
    COMPRESSIONS,
    MIB,
    MODES,
    SWAPS,
    Control,
    Workers,
    parse_cpus,
)
from runtime.options.observing import LOGS, MONITORING, SEEING
from runtime.options.option import Kind, Option, Shown, Use

PATH = Option("path", "A model file, or a folder MODEL/VERSION/.", use=Use.READS)
"""The one that is an argument on the command line, not a flag."""

LISTEN = (
    Option("listen.host", "Address to listen on."),
    Option("listen.grpc_port", "KServe v2 gRPC; 0 takes a free one."),
    Option("listen.http_port", "Metrics and probes; 0 is free."),
    Option(
        "listen.also",
        "More gRPC addresses: [tls:|plain:]HOST:PORT or unix:PATH.",
        called="listen",
    ),
)
TLS = (
    Option(
        "tls.certificate",
        "PEM of the gRPC ports' certificate: they speak TLS.",
        called="tls_certificate",
        use=Use.READS,
    ),
    Option("tls.key", "PEM of its key.", called="tls_key", use=Use.READS),
    Option(
        "tls.client_ca",
        "PEM of the authorities whose certificates clients must show.",
        called="tls_client_ca",
        use=Use.READS,
    ),
    Option(
        "tls.poll_s",
        "Seconds between two looks at these files.",
        called="tls_poll_secs",
    ),
)
ACCESS = (
    Option(
        "access.tokens",
        "File of identities: tokens, roles, models, quotas.",
        called="tokens",
        use=Use.READS,
    ),
    Option("access.insecure", "Let everybody in who reaches the ports.", called="insecure"),
    Option("access.open_health", "Probes need no token.", called="open_health"),
)
CONTROL = (
    Option(
        "control.host",
        "Address of the control port, or unix:PATH.",
        called="control_host",
    ),
    Option(
        "control.port",
        "Control port; 0 takes a free one, -1 is none.",
        called="control_port",
        shown=Shown(Kind.INTEGER, Control().port, int),
    ),
)
TRANSPORT = (
    Option(
        "transport.handshake_timeout_s",
        "Seconds in which a client must have begun.",
        called="handshake_timeout",
    ),
    Option(
        "transport.keepalive_time_s",
        "Seconds of silence after which a client is asked whether it lives; 0: never.",
        called="keepalive_time",
    ),
    Option(
        "transport.keepalive_timeout_s",
        "Seconds that it then has to answer.",
        called="keepalive_timeout",
    ),
    Option(
        "transport.max_connection_age_s",
        "Seconds after which a connection is asked to move on; 0: never.",
        called="max_connection_age",
    ),
    Option(
        "transport.max_connection_age_grace_s",
        "Seconds that its calls then have to end.",
        called="max_connection_age_grace",
    ),
    Option(
        "transport.max_connection_idle_s",
        "Seconds without a call after which a connection is asked to go; 0: never.",
        called="max_connection_idle",
    ),
    Option(
        "transport.compress_replies",
        f"What answers are compressed with for clients that take it: "
        f"{', '.join(COMPRESSIONS)}.",
        called="compress_replies",
        choices=COMPRESSIONS,
    ),
    Option(
        "transport.compression_level",
        "How hard: 1 (fast) to 9 (small).",
        called="compression_level",
    ),
)
BATCHING = (
    Option("batching.max_batch_size", "Rows of a batch; 0 is none. Default: 64 if proven."),
    Option("batching.max_queue_delay_us", "How long a batch may be held back to fill up."),
    Option("batching.max_queue_size", "Requests of a model that may wait for a worker."),
    Option(
        "batching.batch_timeout_s",
        "Seconds a batch may take; 0: 20 x the slowest, >= 10.",
        called="batch_timeout",
    ),
)
WORKERS = (
    Option("workers.instances", "Worker processes of each model."),
    Option("workers.threads", "Compute threads of each worker."),
    Option(
        "workers.memory_bytes",
        "MiB that a worker may use of its own; 0 is no bound.",
        called="worker_memory",
        shown=Shown(Kind.INTEGER, 0, lambda mib: mib * MIB),
    ),
    Option(
        "workers.recorded_bytes",
        "MiB of requests kept for the next version to be tried with; 0: none.",
        called="recorded_memory",
        shown=Shown(Kind.INTEGER, Workers().recorded_bytes // MIB, lambda mib: mib * MIB),
    ),
    Option(
        "workers.cpus",
        "Processors that workers may use, like 2,4-7.",
        called="worker_cpus",
        shown=Shown(Kind.TEXT, "", parse_cpus),
    ),
    Option(
        "workers.load_timeout_s",
        "Seconds that loading one model may take.",
        called="load_timeout",
    ),
    Option(
        "workers.modules",
        "Package whose factories may make modules.",
        called="allow_module",
    ),
)
REPOSITORY = (
    Option(
        "repository.mode",
        f"When models are loaded: {', '.join(MODES)}.",
        called="model_control_mode",
        choices=MODES,
    ),
    Option(
        "repository.load",
        "Mode explicit: loaded at the start; * is all.",
        called="load_model",
    ),
    Option(
        "repository.poll_s",
        "Seconds between two looks at the folder, in mode poll.",
        called="repository_poll_secs",
        reloads=True,
    ),
    Option(
        "repository.rpc",
        "Let clients of other machines load and unload models.",
        called="allow_repository_rpc",
    ),
)
REGISTRY = (
    Option(
        "registry.place",
        "Where versions come from: a store's folder, folder:DIR, mlflow:URI.",
        called="registry",
    ),
    Option(
        "registry.models",
        "NAME@ALIAS to serve from the registry; NAME alone follows champion.",
        called="model",
    ),
    Option("registry.namespace", "The namespace of the registry."),
    Option(
        "registry.poll_s",
        "Seconds between two looks at the registry, besides its own word.",
        called="registry_poll_secs",
        reloads=True,
    ),
    Option(
        "registry.keep_warm_s",
        "Seconds that a version which served before stays loaded.",
        called="keep_warm",
        reloads=True,
    ),
    Option(
        "registry.most_warm",
        "How many such versions of a model there may be.",
        called="versions_to_keep",
        reloads=True,
    ),
    Option(
        "registry.swap",
        "Whether a version may end before the next one loads where both do not fit: "
        f"{', '.join(SWAPS)}.",
        called="swap",
        choices=SWAPS,
        reloads=True,
    ),
    Option(
        "registry.state",
        "This server's own folder: what it served last, and freezes.",
        called="state_dir",
    ),
)
SERVER = (
    Option("warmup", ".npz with inputs for the load check.", use=Use.READS),
    Option("ready_file", "Written, as JSON, once models are ready.", use=Use.WRITES),
    Option(
        "exit_timeout_s",
        "Seconds that a stop waits for requests in flight.",
        called="exit_timeout",
        reloads=True,
    ),
    Option("strict", "End with an error if any model cannot be loaded."),
)

OPTIONS: tuple[Option, ...] = (
    PATH,
    *LISTEN,
    *TLS,
    *ACCESS,
    *CONTROL,
    *TRANSPORT,
    *BATCHING,
    *WORKERS,
    *REPOSITORY,
    *REGISTRY,
    *MONITORING,
    *LOGS,
    *SEEING,
    *SERVER,
)

CONFIG_VARIABLE = "LEEBOARD_CONFIG"

STRANGERS = frozenset({
    CONFIG_VARIABLE, "LEEBOARD_MODULES", "LEEBOARD_FAULTS", "LEEBOARD_BUILD_JOBS",
    "LEEBOARD_FUZZ_SECONDS", "LEEBOARD_SOAK_SECONDS", "LEEBOARD_SERVER",
    "LEEBOARD_TOKEN", "LEEBOARD_TOKEN_FILE", "LEEBOARD_ACTOR",
})  # fmt: skip
"""Variables that other parts read; all others that begin like ours must be options."""

SERVICE_LINK = re.compile(
    r"LEEBOARD_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_[A-Z]+(_[A-Z]+)?)"
)
LINKED_ADDRESS = re.compile("(tcp|udp|sctp)://")


def is_service_link(variable: str, value: str) -> bool:
    """Tell whether Kubernetes set a variable for a Service whose name begins like ours.

    Examples
    --------
    >>> is_service_link("LEEBOARD_GRPC_PORT", "tcp://10.0.0.7:8001")
    True
    >>> is_service_link("LEEBOARD_GRPC_PORT", "8001")
    False
    """
    if SERVICE_LINK.fullmatch(variable):
        return True
    return variable.endswith("_PORT") and bool(LINKED_ADDRESS.match(value))
