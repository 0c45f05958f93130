"""Traffic that means harm, for tests and benchmarks: a raw client and what it can do."""
