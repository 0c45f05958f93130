"""Rules and a dashboard that ask only for what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.errors import ConfigError
from runtime.metrics.monitor import metric_names
from runtime.monitor.export import (
    DASHBOARD,
    RULES,
    dashboard_text,
    rules_text,
    write_exports,
)
from runtime.monitor.signals import Aspect

METRIC = re.compile(r"\bleeboard_\w+")
DASH: dict[str, Any] = json.loads(dashboard_text())
PANELS: list[dict[str, Any]] = DASH["panels"]


def rules() -> list[dict[str, Any]]:
    return [r for group in yaml.safe_load(rules_text())["groups"] for r in group["rules"]]


def test_rules_ask_only_for_metrics_that_there_are() -> None:
    asked = {name for rule in rules() for name in METRIC.findall(rule["expr"])}
    assert asked
    assert asked <= metric_names()


def test_the_dashboard_asks_only_for_metrics_that_there_are_and_for_all_of_them() -> None:
    queries = [target["expr"] for panel in PANELS for target in panel["targets"]]
    queries += [each["query"] for each in DASH["templating"]["list"]]
    asked = {name for query in queries for name in METRIC.findall(query)}
    assert asked == metric_names()


def test_every_aspect_has_a_rule() -> None:
    words = " ".join(rule["expr"] for rule in rules())
    assert all(re.search(rf"\b{aspect}\b", words) for aspect in Aspect)


def test_every_rule_says_how_bad_it_is_and_what_is_wrong() -> None:
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))


def test_every_panel_is_whole_and_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        assert panel["type"] in ("timeseries", "stat")
        assert panel["title"]
        assert panel["targets"]
        place = panel["gridPos"]
        assert 0 <= place["x"] <= 24 - place["w"]
        cells = {
            (place["x"] + i, place["y"] + j)
            for i in range(place["w"])
            for j in range(place["h"])
        }
        assert not cells & taken
        taken |= cells
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert target["expr"].count("(") == target["expr"].count(")")
            assert target["expr"].count("{") == target["expr"].count("}")
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))
    assert [panel["id"] for panel in PANELS] == list(range(1, len(PANELS) + 1))


def test_variables_that_queries_use_are_defined() -> None:
    defined = {each["name"] for each in DASH["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", " ".join(
        target["expr"] + target["datasource"]["uid"]
        for panel in PANELS for target in panel["targets"]
    )))  # fmt: skip
    assert used <= defined
    assert {"model", "version", "datasource"} == defined


def test_both_files_are_written(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert write_exports(folder) == [folder / RULES, folder / DASHBOARD]
    assert (folder / RULES).read_text() == rules_text()
    assert (folder / DASHBOARD).read_text() == dashboard_text()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to"):
        write_exports(tmp_path / "file")
