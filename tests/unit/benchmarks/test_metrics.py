"""Reading sums out of a page of metrics."""

from __future__ import annotations

from benchmarks.metrics import total

PAGE = """# TYPE leeboard_requests_total counter
leeboard_requests_total{model="a",outcome="ok"} 3.0
leeboard_requests_total{model="b",outcome="ok"} 4.0
leeboard_requests_total{model="a",outcome="invalid"} 5.0
leeboard_requests_total_more 7.0
leeboard_up 1.0
"""


def test_a_family_is_summed_over_its_samples() -> None:
    assert total(PAGE, "leeboard_requests_total") == 12.0


def test_a_label_chooses_samples() -> None:
    assert total(PAGE, "leeboard_requests_total", 'outcome="ok"') == 7.0


def test_a_sample_without_labels_counts_too() -> None:
    assert total(PAGE, "leeboard_up") == 1.0


def test_a_family_that_is_not_there_sums_to_nothing() -> None:
    assert total(PAGE, "leeboard_down") == 0.0
