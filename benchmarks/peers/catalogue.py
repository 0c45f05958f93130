"""The peers by name, each with the settings that it gets and where the advice stands.

All have one processor, ONNX Runtime with one thread that does not spin, and no
compression. "Best" is what the peer's documentation recommends for that; where it says to
find a value by experiment, both ends are a peer of their own.
"""

from __future__ import annotations

from benchmarks.peers.launches import (
    grpcio_sync,
    kserve,
    leeboard,
    mlserver,
    mlserver_batched,
)
from benchmarks.peers.place import Peer
from benchmarks.peers.triton import triton_python, triton_python_alone

TRITON_SETTINGS = (
    "tritonserver of Triton 24.10 as the nvidia-pytriton wheel has it, used directly; "
    "Python backend whose model.py runs one batch with ONNX Runtime; one instance, "
    "KIND_CPU; max_batch_size 64; HTTP and metrics off; "
)
TRITON_PAGES = (
    "Triton user guide, Batchers, recommended configuration process: "
    "docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/batcher.html",
    "Triton Python backend, usage: github.com/triton-inference-server/python_backend",
)
MLSERVER_SETTINGS = (
    "custom runtime with ONNX Runtime; debug and metrics off; largest gRPC message 64 MiB; "
    "no pool of workers (parallel_workers 0): it is for more processors than one, and on "
    "one it halves the rate; "
)
MLSERVER_PAGES = (
    "MLServer user guide, Parallel Inference: "
    "docs.seldon.ai/mlserver/user-guide/parallel-inference",
    "MLServer user guide, Adaptive Batching: "
    "docs.seldon.ai/mlserver/user-guide/adaptive-batching",
)

CATALOGUE = (
    Peer(
        "leeboard",
        "leeboard",
        "",
        leeboard,
        "defaults; batching finds its size and delay by itself; metrics on",
    ),
    Peer(
        "grpcio-sync",
        "grpcio",
        "grpcio",
        grpcio_sync,
        "a synchronous grpcio server written by hand: a pool of 4 threads, unlimited "
        "message sizes, SO_REUSEPORT off; one request is one run",
        (
            "gRPC, Performance Best Practices, Python: the synchronous stack is the faster "
            "one, few threads: grpc.io/docs/guides/performance",
        ),
    ),
    Peer(
        "triton-python",
        "triton",
        "nvidia-pytriton",
        triton_python,
        f"{TRITON_SETTINGS}dynamic batching with its defaults: as large as the queue "
        "allows, without delay",
        TRITON_PAGES,
    ),
    Peer(
        "triton-python-alone",
        "triton",
        "nvidia-pytriton",
        triton_python_alone,
        f"{TRITON_SETTINGS}no dynamic batching",
        TRITON_PAGES,
    ),
    Peer(
        "mlserver",
        "mlserver",
        "mlserver",
        mlserver,
        f"{MLSERVER_SETTINGS}no adaptive batching, its default",
        MLSERVER_PAGES,
    ),
    Peer(
        "mlserver-batched",
        "mlserver",
        "mlserver",
        mlserver_batched,
        f"{MLSERVER_SETTINGS}adaptive batching up to 64 rows within 2 ms",
        MLSERVER_PAGES,
    ),
    Peer(
        "kserve",
        "kserve",
        "kserve",
        kserve,
        "kserve.Model with ONNX Runtime, one worker, latency log and log of requests off, "
        "largest gRPC message 64 MiB; it has no batching of its own",
        (
            "KServe, Python Runtime SDK API, ModelServer: kserve.github.io/website/docs/"
            "reference/python-runtime-sdk/python-runtime-sdk-api",
        ),
    ),
)

PEERS = {peer.name: peer for peer in CATALOGUE}
