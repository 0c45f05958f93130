"""Which subjects a silence means."""

from __future__ import annotations

import pytest

from runtime.errors import ConfigError
from runtime.monitor.signals import Aspect, Kind, Subject
from runtime.monitor.silences import Matcher, checked

SUBJECT = Subject("team-a/fraud", 7, Kind.OUTPUT, "p.(x)[3]", Aspect.MISSING)


@pytest.mark.parametrize(
    "matcher",
    [
        Matcher(),
        Matcher("team-a/fraud"),
        Matcher("team-a/*"),
        Matcher("*fraud", 7, "output", "p.(x)[3]", "missing"),
        Matcher(name="p.*[3]"),
        Matcher(name="*"),
    ],
)
def test_a_matcher_means_what_fits_all_its_fields(matcher: Matcher) -> None:
    assert checked(matcher).matches(SUBJECT)


@pytest.mark.parametrize(
    "matcher",
    [
        Matcher("team-a"),
        Matcher("team-b/*"),
        Matcher(version=8),
        Matcher(kind="input"),
        Matcher(name="pp(x)[3]"),
        Matcher(name="p.(x)3"),
        Matcher(name="P*"),
        Matcher("team-a/fraud", aspect="drift"),
    ],
)
def test_one_field_that_does_not_fit_is_enough(matcher: Matcher) -> None:
    assert not matcher.matches(SUBJECT)


def test_names_are_matched_over_ends_of_lines() -> None:
    odd = Subject("m", 1, Kind.INPUT, "a\nb", Aspect.DRIFT)
    assert Matcher(name="a*b").matches(odd)


def test_kinds_and_aspects_that_there_are_not_are_refused() -> None:
    with pytest.raises(ConfigError, match="no kind is called 'inputs'; known: input, out"):
        checked(Matcher(kind="inputs"))
    with pytest.raises(ConfigError, match="no aspect is called 'psi'; known: drift, miss"):
        checked(Matcher(aspect="psi"))
