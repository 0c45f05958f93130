"""Programs that run in a peer's own environment: each serves one ONNX model.

They import the peer's packages, which are not in ours, and of this repository only
`benchmarks.peers.session`, which needs nothing but ONNX Runtime.
"""
