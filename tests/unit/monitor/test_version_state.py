"""A watch that goes on from what was written says what it would have said anyway."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runtime.monitor import version_state
from runtime.monitor.given import Given, placed
from runtime.monitor.settings import DEFAULT
from runtime.monitor.signals import Verdict
from runtime.monitor.version_watch import NOTHING, Phase, VersionWatch
from runtime.profiles import Reference
from runtime.profiles.contract import contract_of
from tests.unit.monitor.filled import Rows, look, plan, watch_of

SMALL = replace(DEFAULT, reference_rows=1_500)
PLAN = plan([("x", "FP32", 2)], [("y", "FP32", 1)])


def rows(step: int) -> tuple[Rows, Rows]:
    rng = np.random.default_rng(step)
    x = rng.normal(size=(300, 2)) + (0.5 if step > 9 else 0.0)
    return x.astype(np.float32), rng.normal(size=(300, 1)).astype(np.float32)


def some_given(seed: int = 1) -> Given:
    made = Reference.from_rows(np.random.default_rng(seed).normal(size=(3_000, 2)))
    return Given(placed(PLAN, made)[1], "r.json", f"sha256:{made.digest}")


def run(watch: VersionWatch, first: int, last: int) -> list[Verdict]:
    return [
        said
        for step in range(first, last)
        for said in look(watch, float(step), *rows(step))
    ]


@pytest.mark.parametrize("given", [NOTHING, some_given()], ids=["learned", "given"])
@pytest.mark.parametrize("at", [0, 2, 5, 11, 20])
def test_a_restart_at_any_moment_changes_no_verdict(given: Given, at: int) -> None:
    whole = watch_of(PLAN, given, SMALL)
    before, after = watch_of(PLAN, given, SMALL), watch_of(PLAN, given, SMALL)
    run(whole, 0, at)
    run(before, 0, at)
    version_state.restore(after, version_state.to_arrays(before))
    assert after.phase is whole.phase
    assert after.seen == whole.seen
    assert run(after, at, 30) == run(whole, at, 30)
    assert any(v.is_firing for v in run(whole, 30, 31)), "nothing was at stake"


def test_other_settings_keep_references_and_begin_evidence_anew() -> None:
    before = watch_of(PLAN, settings=SMALL)
    run(before, 0, 20)
    after = watch_of(PLAN, settings=replace(SMALL, eps=0.1))
    version_state.restore(after, version_state.to_arrays(before))
    assert after.phase is Phase.WATCHING
    assert after.origin == before.origin
    assert [drift.rows for drift in after.drifting] == [0, 0]


def test_another_reference_begins_anew() -> None:
    before = watch_of(PLAN, some_given(1), SMALL)
    run(before, 0, 20)
    for known in (some_given(2), NOTHING):
        after = watch_of(PLAN, known, SMALL)
        version_state.restore(after, version_state.to_arrays(before))
        assert after.seen.looks == 0


def test_another_contract_begins_anew() -> None:
    before = watch_of(PLAN, some_given(), SMALL)
    run(before, 0, 20)
    stated = contract_of({"features": {"x[0]": {"range": [0, 1]}}})
    after = watch_of(PLAN, replace(some_given(), contract=stated), SMALL)
    version_state.restore(after, version_state.to_arrays(before))
    assert after.seen.looks == 0


def test_what_is_not_of_this_version_changes_nothing() -> None:
    before = watch_of(PLAN, settings=SMALL)
    run(before, 0, 20)
    arrays = version_state.to_arrays(before)
    other = watch_of(plan([("z", "FP32", 2)]), settings=SMALL)
    with pytest.raises(ValueError, match="other tensors"):
        version_state.restore(other, arrays)
    for name in ("about", "tensor0.edges", "tensor1.drift.rows", "schema.looks"):
        after = watch_of(PLAN, settings=SMALL)
        lacking = {key: array for key, array in arrays.items() if key != name}
        if len(lacking) == len(arrays):
            continue
        with pytest.raises(ValueError, match=r"."):
            version_state.restore(after, lacking)
        assert after.phase is Phase.EDGES
        assert after.drifting == []


def test_another_format_is_refused() -> None:
    watch = watch_of(PLAN, settings=SMALL)
    arrays = version_state.to_arrays(watch)
    told = version_state.unpacked(arrays["about"]) | {"format": 99}
    arrays["about"] = version_state.packed(told)
    with pytest.raises(ValueError, match="it has format 99, this program reads 2"):
        version_state.restore(watch, arrays)
