"""Pictures of a sweep, drawn into real files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runtime.capacity.plot import check_plot, draw, save_plot
from runtime.capacity.sweep import Sweep
from runtime.errors import ConfigError
from tests.unit.capacity.sweeps import CONCURRENCY, RATE, swept

BEGINNINGS = {".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!doctype html>"}


@pytest.mark.parametrize("suffix", BEGINNINGS)
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"knee{suffix}"
    check_plot(path)
    save_plot(swept(RATE, 1000.0), path, "mlp")
    assert path.read_bytes().startswith(BEGINNINGS[suffix])


def test_a_page_has_the_picture_within_it_and_no_markup_of_others(tmp_path: Path) -> None:
    path = tmp_path / "knee.html"
    save_plot(swept(RATE, 1000.0), path, "<mlp>")
    page = path.read_text()
    assert "<h1>&lt;mlp&gt;</h1>" in page
    assert page.count("<svg") == 1
    assert "knee: 951 requests/s" in page


@pytest.mark.parametrize("found", [swept(RATE, 1000.0), swept(CONCURRENCY, 4000.0)])
def test_throughput_and_both_latencies_are_drawn_with_the_knee(found: Sweep) -> None:
    above, below = draw(found, "mlp").axes
    assert above.get_ylabel() == "answers/s"
    named = {str(line.get_label()) for line in below.get_lines()}
    assert {"p50", "p99", "knee"} <= named
    assert ("limit of p99" in named) == (found.plan is RATE)


def test_steps_are_drawn_in_the_order_of_load(tmp_path: Path) -> None:
    above, _ = draw(swept(RATE, 1000.0), "mlp").axes
    loads = list(map(float, above.get_lines()[0].get_xdata()))  # type: ignore[arg-type]
    assert loads == sorted(loads)


def test_another_suffix_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must end in one of \.png, \.svg, \.html"):
        check_plot(Path("knee.pdf"))


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install 'leeboard\[plot\]'"):
        check_plot(Path("knee.png"))


def test_nothing_measured_cannot_be_drawn() -> None:
    with pytest.raises(ConfigError, match="nothing to draw"):
        draw(Sweep(RATE, (), "stopped"), "mlp")
