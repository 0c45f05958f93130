"""Intervals and verdicts: pure functions of figures, shared by all that decide."""
