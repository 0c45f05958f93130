"""Clients: our generator, a grpc-core client, and the question that both ask."""
