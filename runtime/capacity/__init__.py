"""Load generation, comparison and sweeps: what ``leeboard bench`` does.

The generator itself is csrc/load; this package chooses what it sends, watches a local
server meanwhile, and turns what it counted into reports and verdicts.
"""
