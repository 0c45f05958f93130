"""A load report on its way between processes."""

from __future__ import annotations

import json
from dataclasses import asdict

from runtime.backends.report import LoadReport, Step, report_from

FULL = LoadReport(
    True,
    False,
    ("a note",),
    1.5,
    8,
    4,
    "abc",
    9,
    10,
    ((1, 2.5),),
    (Step("file", 0.1, "x"),),
    11,
)


def test_a_report_survives_the_way_from_its_worker() -> None:
    for report in (FULL, LoadReport(batchable=False, warmed=False)):
        assert report_from(json.loads(json.dumps(asdict(report)))) == report


def test_a_report_of_an_older_worker_can_be_read() -> None:
    message = asdict(FULL)
    del message["peak_bytes"]
    assert report_from(message).peak_bytes == 0
    assert report_from({"batchable": True, "warmed": True}).steps == ()
