"""Clients: h2load, a grpc-core client of ours, and the question they ask."""
