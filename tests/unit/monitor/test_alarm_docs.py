"""The page about alarms says what the code does."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli import app
from runtime.metrics.monitor import PREFIX, TOP, metric_names
from runtime.monitor.alarm_blind import LEAST_COVERAGE, LOOK_WITHIN_S
from runtime.monitor.alarms import Policy
from runtime.monitor.lifecycle import State
from runtime.monitor.settings import DEFAULT
from runtime.monitor.sink_alertmanager import LASTS_S
from runtime.monitor.sink_delivery import Patience
from runtime.monitor.sink_webhook import DELIVERY, SIGNATURE
from runtime.monitor.sinks import GROUP, OURS

PAGE = (Path(__file__).parents[3] / "docs" / "what-the-alarms-mean.md").read_text("utf-8")


def test_the_states_are_those_of_the_table() -> None:
    states = re.findall(r"^\| (pending|firing|cooling|resolved) \|", PAGE, re.MULTILINE)
    assert states == [state.value for state in State]


def test_the_times_are_those_of_the_policy() -> None:
    policy, patience = Policy(), Patience()
    assert (policy.calm_s, policy.settle_s, policy.blind_s) == (600.0, 1_800.0, 60.0)
    assert policy.pending_share == 0.5
    assert (patience.first_s, patience.longest_s, patience.attempts) == (1.0, 60.0, 8)
    assert (patience.most_waiting, patience.resend_s, LASTS_S) == (1_000, 60.0, 300.0)
    assert (LEAST_COVERAGE, LOOK_WITHIN_S, TOP) == (0.5, 300.0, 20)
    assert (DEFAULT.eps, DEFAULT.false_alarm_days) == (0.05, 30.0)


def test_the_example_of_the_promise_is_computed_right() -> None:
    looks = DEFAULT.false_alarm_days * 86_400
    assert looks == pytest.approx(2.6e6, rel=0.01)
    assert 40 * looks == pytest.approx(104e6, rel=0.01)
    assert f"log T = {math.log(40 * looks):.1f}" in PAGE
    assert 1 - math.exp(-1) == pytest.approx(0.63, abs=0.005)


def test_every_metric_is_named() -> None:
    named = {f"{PREFIX}{word}" for word in re.findall(r"`(\w+)`", PAGE)}
    assert metric_names() <= named


def test_every_sink_and_header_is_named() -> None:
    assert set(re.findall(r"^\| `(\w+)(?::URL)?` \|", PAGE, re.MULTILINE)) == set(OURS)
    assert SIGNATURE in PAGE
    assert DELIVERY in PAGE
    assert GROUP in PAGE


def test_every_command_is_there() -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        _, group, name, *_ = line.split()
        done = CliRunner().invoke(app, [group, name, "--help"])
        assert done.exit_code == 0, done.output
        for option in re.findall(r"--\w+", line):
            assert option in re.sub(r"\x1b\[[\d;]*m", "", done.output)
