"""How our server and the peers written in Python are started; Triton is in `triton.py`.

Each function writes what its server reads into the place's folder and returns a command.
Everything listens on 127.0.0.1 only.
"""

from __future__ import annotations

from benchmarks.peers.place import Launch, Place
from benchmarks.peers.session import describe, open_session
from benchmarks.results import write_json

MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest message, where a server wants a number; `big` has 600 KB."""

MOST_ROWS = 64
DELAY_S = 0.002
SERVERS = "benchmarks.peers.servers"


def leeboard(place: Place) -> Launch:
    """Start our server, with default settings."""
    command = [place.python, "-m", "runtime.cli", "serve", str(place.model)]
    ports = [
        "--grpc-port",
        str(place.grpc_port),
        "--http-port",
        str(place.http_port),
        "--control-port",
        "-1",
    ]
    return Launch([*command, *ports])


def grpcio_sync(place: Place) -> Launch:
    """Start the server written by hand."""
    ready = place.folder / "ready.json"
    command = [place.python, "-m", "benchmarks.peers.grpcio_sync", str(place.model)]
    options = ["--port", str(place.grpc_port), "--ready-file", str(ready)]
    return Launch([*command, *options])


def kserve(place: Place) -> Launch:
    """Start KServe's server, which has no batching, without its line for every request."""
    options = {
        "onnx": place.model,
        "model_name": place.model.stem,
        "http_port": place.http_port,
        "grpc_port": place.grpc_port,
        "workers": 1,
        "enable_latency_logging": "false",
        "grpc_max_send_message_length": MESSAGE_BYTES,
        "grpc_max_receive_message_length": MESSAGE_BYTES,
    }
    command = [place.python, "-m", f"{SERVERS}.kserve_onnx"]
    command += [f"--{name}={value}" for name, value in options.items()]
    return Launch(command, {"KSERVE_LOGLEVEL": "WARNING"})


def mlserver(place: Place) -> Launch:
    """Start MLServer, one request a run."""
    return mlserver_with(place, {})


def mlserver_batched(place: Place) -> Launch:
    """Start MLServer with its adaptive batching."""
    return mlserver_with(place, {"max_batch_size": MOST_ROWS, "max_batch_time": DELAY_S})


def mlserver_with(place: Place, batching: dict[str, object]) -> Launch:
    """Write MLServer's two files of settings and return its command."""
    session = open_session(place.model)
    settings = {
        "host": "127.0.0.1",
        "http_port": place.http_port,
        "grpc_port": place.grpc_port,
        "metrics_port": place.metrics_port,
        "metrics_endpoint": None,
        "debug": False,
        "parallel_workers": 0,
        "grpc_max_message_length": MESSAGE_BYTES,
    }
    model_settings = {
        "name": place.model.stem,
        "implementation": f"{SERVERS}.mlserver_onnx.OnnxRuntime",
        "parameters": {"uri": str(place.model)},
        "inputs": describe(session.get_inputs()),
        "outputs": describe(session.get_outputs()),
        **batching,
    }
    write_json(place.folder / "settings.json", settings)
    write_json(place.folder / "model-settings.json", model_settings)
    program = place.prefix / "bin" / "mlserver"
    return Launch([str(program), "start", str(place.folder)])
