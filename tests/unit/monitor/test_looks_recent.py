"""What windows hold: the last rows and the last time, and nothing from before."""

from __future__ import annotations

import pytest

from runtime.monitor.looks import Recent

T = 1_900_000_000.0


def recent(*looks: tuple[float, int, int], rows: int = 1_000, s: float = 3_600.0) -> Recent:
    """A window after looks: seconds after T, rows and those kept."""
    made = Recent(rows, s)
    for after_s, answered, kept in looks:
        made.add(answered, kept, T + after_s)
    return made


def test_nothing_answered_has_no_share() -> None:
    assert recent().share() is None
    assert recent((0, 0, 0), (1, 0, 0)).share() is None


def test_the_share_is_of_all_rows_in_the_window() -> None:
    assert recent((0, 100, 100), (1, 300, 100)).share() == 0.5


def test_a_burst_long_ago_neither_hides_nor_keeps_an_alarm() -> None:
    burst = (0, 10**9, 10**9)
    assert recent(burst, (1, 600, 60), (2, 600, 60)).share() == pytest.approx(0.1)
    thinned = (0, 10**9, 10**6)
    assert recent(thinned, (1, 600, 600), (2, 600, 600)).share() == 1.0


def test_what_is_old_is_forgotten_also_without_new_rows() -> None:
    made = recent((0, 100, 10), (3_600, 0, 0))
    assert made.share() == 0.1
    made.add(0, 0, T + 3_601.0)
    assert made.share() is None


def test_the_window_holds_between_half_and_all_of_its_rows() -> None:
    made = Recent(1_000, 1e9)
    for look in range(100):
        made.add(100, 100 if look < 95 else 0, T + look)
    share = made.share()
    assert share is not None
    assert 0.0 <= share <= 0.5


def test_the_window_holds_between_half_and_all_of_its_time() -> None:
    made = Recent(10**9, 100.0)
    for second in range(0, 1_000):
        made.add(1, second < 900, T + second)
    share = made.share()
    assert share is not None
    assert share <= 0.1


def test_a_clock_that_goes_back_begins_another_half_and_forgets_the_future() -> None:
    made = recent((0, 100, 100), (10, 100, 100))
    made.add(100, 0, T - 10.0)
    assert made.share() == pytest.approx(2 / 3)
    made.add(100, 0, T - 9_000.0)
    assert made.share() == 0.0
