"""A server is looked at twice, and what it used in between is what is told."""

from __future__ import annotations

import pytest

from runtime.capacity.endpoint import resolve
from runtime.capacity.local import LocalServer
from runtime.capacity.report import ServerUse
from runtime.capacity.scenario import Ask
from runtime.capacity.scrape import Served
from runtime.capacity.watch import Watch, rows_per_batch, watch_server
from runtime.errors import ServerError
from tests.unit.capacity.test_local import listening
from tests.unit.capacity.test_scrape import OURS, serving

ASK = Ask("127.0.0.1:1", "mlp")


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        (Served(10, 5), Served(40, 15), 3.0),
        (Served(0, 0), Served(0, 0), None),
        (Served(10, 5), Served(3, 1), None),  # It was started again.
        (None, Served(1, 1), None),
        (Served(1, 1), None, None),
    ],
)
def test_a_batch_is_the_mean_between_the_looks(
    before: Served | None, after: Served | None, rows: float | None
) -> None:
    assert rows_per_batch(before, after) == rows


def test_what_a_server_used_is_divided_by_what_it_answered() -> None:
    with listening() as (_, port, _, _):
        target = f"127.0.0.1:{port}"
        watch = watch_server(Ask(target, "mlp"), resolve(target))
        watch.begin(100)
        watch.end(200)
        use = watch.use()
    assert use is not None
    assert (use.processes, use.rows_per_batch, use.metrics_url) == (2, None, "")
    assert use.cpu_us_per_request is not None
    assert use.pss_bytes is not None
    assert 0 <= use.cpu_us_per_request < 1e6
    assert use.pss_bytes > 1 << 20
    assert watch.notes() == []


def test_without_answers_the_cost_of_one_is_unknown() -> None:
    with listening() as (pid, port, _, _):
        watch = Watch(ASK, LocalServer([pid], port), "")
        watch.begin(100)
        watch.end(100)
        use = watch.use()
    assert use is not None
    assert use.cpu_us_per_request is None


def test_of_a_server_that_ended_nothing_is_known() -> None:
    with listening() as (pid, port, _, _):
        watch = Watch(ASK, LocalServer([pid], port), "")
        watch.begin(0)
    watch.end(100)
    assert watch.use() is None
    assert watch.notes() == ["2 of the server's processes ended: what it used is not known"]


def watched(*pages: str) -> ServerUse | None:
    """Watch a server elsewhere whose metrics a person named."""
    target = "192.0.2.1:8001"
    with serving(*pages) as port:
        watch = watch_server(Ask(target, "mlp"), resolve(target), f"127.0.0.1:{port}")
        watch.count_rows()
        watch.begin(0)
        watch.end(100)
    return watch.use()


def test_of_a_server_elsewhere_the_metrics_tell_the_batches() -> None:
    later = OURS.replace(" 30.0", " 70.0").replace(" 10.0", " 20.0")
    use = watched(OURS, OURS, later)
    assert use is not None
    assert (use.processes, use.cpu_us_per_request, use.pss_bytes) == (0, None, None)
    assert use.rows_per_batch == 4.0


def test_of_a_server_elsewhere_that_ran_nothing_nothing_is_known() -> None:
    assert watched(OURS) is None


@pytest.mark.parametrize("looks", [0, 1])
def test_a_run_that_was_never_measured_has_no_use(looks: int) -> None:
    watch = Watch(ASK, None, "")
    for _ in range(looks):
        watch.begin(0)
    assert (watch.use(), watch.notes()) == (None, [])
    assert (watch.is_begun, watch.is_ended) == (looks > 0, False)


def test_a_page_without_counters_is_refused_before_the_run() -> None:
    with serving("nothing") as port, pytest.raises(ServerError, match="has no counters"):
        watch_server(ASK, resolve("127.0.0.1:1"), f"127.0.0.1:{port}")
