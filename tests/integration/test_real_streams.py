"""A live server with real rows whose labels come late: it tells what is known to happen.

California's districts south of latitude 36 are followed by those north of it; people of the
census, shuffled within their year, by the next year in the order of its file, which begins
with group quarters. References of inputs are the first rows after the promotion, the
baseline of harm is the first labels of the same rows: southern ones, and people of 2016.

The monitor looks every 20 ms, and each look gets one piece of the stream (20 districts or
50 people; see `benchmarks.monitor.live`). `false_alarm_days` of 1e5 x 0.02 s / 2 promises
1e5 looks to a false alarm of drift and 1e5 to one of harm, which is half of it each.
One seed is tried here; `python -m benchmarks.monitor.real` tries five.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.monitor import real, streams
from benchmarks.monitor.live import Heard, hear
from tests.known_statistics import wheel_or_skip

SEED = 0


@pytest.fixture(scope="module")
def districts() -> streams.Stream:
    return streams.housing(wheel_or_skip(), SEED)


@pytest.fixture(scope="module")
def people() -> streams.Stream:
    return streams.census(wheel_or_skip(), SEED)


@pytest.fixture(scope="module")
def housing(districts: streams.Stream, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    folder = tmp_path_factory.mktemp("housing")
    return hear(districts, folder, real.HOUSING_PIECE, real.HOUSING_CHANGED)


@pytest.fixture(scope="module")
def census(people: streams.Stream, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    folder = tmp_path_factory.mktemp("census")
    return hear(people, folder, real.CENSUS_PIECE, len(people.changed))


def test_the_model_is_not_shown_what_it_was_trained_on(districts: streams.Stream) -> None:
    parts = (districts.training, districts.learning, districts.calm, districts.changed)
    rows = np.concatenate([part.rows for part in parts])
    assert len(np.unique(rows, axis=0)) == len(rows) == 14_005
    latitude = districts.features.index("Latitude")
    assert max(part.rows[:, latitude].max() for part in parts[:3]) < 36.0
    assert districts.changed.rows[:, latitude].min() >= 36.0


def test_neighbours_in_a_stream_are_strangers(districts: streams.Stream) -> None:
    latitude = districts.calm.rows[:, districts.features.index("Latitude")]
    assert abs(np.corrcoef(latitude[1:], latitude[:-1])[0, 1]) < 0.1


def test_nothing_is_said_while_districts_are_southern(housing: Heard) -> None:
    assert housing.calm == {}


def test_harm_in_the_north_is_told_within_300_labels(housing: Heard) -> None:
    assert housing.harm is not None
    assert housing.harm.labels <= 300
    assert abs(housing.harm.since) <= 100
    assert "trees version 1 is worse than it was" in housing.harm.sentence


def test_the_place_is_named_first(housing: Heard) -> None:
    assert max(housing.inputs()[name] for name in real.PLACE) <= 100
    assert real.lead(housing, real.PLACE) == 0
    latitude = housing.changed["input", "Latitude", "drift"]
    assert abs(latitude.since) <= 100
    assert latitude.sentence.startswith("Latitude of trees version 1 has moved away")


def test_years_of_the_census_are_alike(census: Heard) -> None:
    assert census.calm == {}


def test_group_quarters_at_the_head_of_a_year_are_harm(census: Heard) -> None:
    assert census.harm is not None
    assert 0 < census.harm.labels < census.harm.rows <= 5_000
    assert abs(census.harm.since) <= 500


def test_group_quarters_are_named_by_how_people_live(census: Heard) -> None:
    assert "RELP" in census.inputs()
    assert min(census.inputs().values()) == census.inputs()["RELP"]
