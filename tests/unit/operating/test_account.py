"""Why a model is served as it is, in sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from runtime.errors import ServerError
from runtime.events import Event
from runtime.listing import Listed
from runtime.messages import (
    Message,
    ModelConfigResponse,
    ModelStatisticsResponse,
    ServerMetadataResponse,
)
from runtime.models.describe import (
    CHOSEN_BY,
    REPORT,
    SERVED_SINCE,
    Choice,
    add_choice,
)
from runtime.models.settings import Versions
from runtime.operating.account import (
    Account,
    as_values,
    gather,
    moment,
    policy_words,
    sentences,
)
from runtime.operating.looking import Metrics
from tests.unit.capacity.fakes import FakeServer
from tests.unit.test_listing import index

URL = "127.0.0.1:8001"
READY = Listed("fraud", "7", "READY", "")
OLD = Listed("fraud", "6", "UNAVAILABLE", "unloaded")
NOW_S = 1_795_000_000.0
PAGE = (
    'leeboard_requests_total{model="fraud",version="7",outcome="ok"} 90\n'
    'leeboard_requests_total{model="fraud",version="7",outcome="rejected"} 6\n'
    'leeboard_requests_total{model="fraud",version="7",outcome="deadline"} 4\n'
    'leeboard_workers{model="fraud",version="7"} 1\n'
    'leeboard_queued{model="fraud",version="7"} 3\n'
    'leeboard_request_seconds_bucket{model="fraud",version="7",le="0.002"} 90\n'
    'leeboard_request_seconds_bucket{model="fraud",version="7",le="+Inf"} 90\n'
)


def config() -> Message:
    made = ModelConfigResponse()
    made.config.max_batch_size = 64
    made.config.instance_group.add(count=2)
    made.config.dynamic_batching.preferred_batch_size.append(12)
    choice = Choice("2026-11-18T08:06:40Z", "a load call over gRPC")
    add_choice(made.config, choice)
    report = json.dumps({"notes": ["unwarmed: dims are free"], "steps": []})
    made.config.parameters[REPORT].string_value = report
    return made


def statistics(ok: int = 90) -> Message:
    made = ModelStatisticsResponse()
    one = made.model_stats.add(name="fraud", version="7")
    one.inference_count, one.execution_count = 3 * ok, ok // 2
    one.last_inference = int((NOW_S - 3) * 1000) if ok else 0
    times = one.inference_stats
    times.success.count, times.success.ns = ok, ok * 2_000_000
    times.queue.ns, times.compute_infer.ns = ok * 500_000, ok * 1_000_000
    times.fail.count = 10 if ok else 0
    return made


def server(*listed: Listed, **answers: Any) -> FakeServer:
    return FakeServer(
        RepositoryIndex=index(*listed),
        ServerMetadata=ServerMetadataResponse(name="leeboard", version="1.2"),
        **{"ModelConfig": config(), "ModelStatistics": statistics(), **answers},
    )


def unseen(url: str) -> list[Event]:
    raise ServerError(f"the processes of {url} are not this user's")


def account_of(
    fake: FakeServer,
    page: str | None = PAGE,
    version: str = "",
    events: Callable[[str], list[Event]] = unseen,
) -> Account:
    def read(url: str) -> str:
        if page is None:
            raise ServerError(f"{url} cannot be read: timed out")
        return page

    metrics = Metrics(URL, "http://h", read)
    return gather(URL, "fraud", version, metrics, fake.call, lambda: NOW_S, events)


def test_all_is_told_in_sentences() -> None:
    assert sentences(account_of(server(OLD, READY))) == [
        f"fraud is served at {URL} (leeboard 1.2) by version 7.",
        "Version 7 serves since 2026-11-18T08:06:40Z (3 h 0 min ago); it was chosen by a "
        "load call over gRPC.",
        "Version 7 runs on 2 workers, in batches of at most 64 rows, usually 12; its model "
        "serves the highest version.",
        "Its load said: unwarmed: dims are free.",
        "Version 7 has answered 90 requests, the last 3 s ago; 10 failed.",
        "A request takes 2.0 ms on average, of which it waits 500 us and computes 1.0 ms; "
        "a batch holds 6.0 rows.",
        "Version 7 failed for these reasons: rejected 6 and deadline 4.",
        "Half of all answers came within 1.0 ms, 99 of 100 within 2.0 ms.",
        "Just now 1 of its workers take batches, 3 requests wait.",
        "Version 6 does not serve, it is unavailable: unloaded.",
    ]


def test_without_the_control_plane_the_data_planes_word_is_enough() -> None:
    lines = sentences(account_of(server(READY), page=None))
    assert lines[0].startswith("fraud is served")
    assert "Version 7 has answered 90 requests, the last 3 s ago; 10 failed." in lines
    assert lines[-1] == (
        "The server's control plane gave no numbers, so reasons of failures and quantiles "
        "are missing: http://h cannot be read: timed out."
    )


def test_a_model_of_which_nothing_serves_says_why() -> None:
    broken = Listed("fraud", "8", "UNAVAILABLE", "open: it is \x1b[31ma pickle")
    missing = Listed("fraud", "", "UNAVAILABLE", "it is not in the repository")
    assert sentences(account_of(server(broken, missing))) == [
        f"No version of fraud serves at {URL} (leeboard 1.2).",
        "Version 8 does not serve, it is unavailable: open: it is \\x1b[31ma pickle.",
        "The model does not serve, it is unavailable: it is not in the repository.",
    ]


def test_of_several_versions_the_one_that_is_asked_by_default_is_named() -> None:
    ten = replace(READY, version="10")
    lines = sentences(account_of(server(READY, ten)))
    assert lines[:2] == [
        f"fraud is served at {URL} (leeboard 1.2) by versions 7 and 10.",
        "Requests that name no version go to version 10.",
    ]


def test_a_version_that_nobody_has_asked_says_so() -> None:
    lines = sentences(account_of(server(READY, ModelStatistics=statistics(0))))
    assert "Version 7 has not been asked yet." in lines


def test_a_version_in_trouble_says_so() -> None:
    lines = sentences(account_of(server(replace(READY, reason="crash loop: fraud/7#0"))))
    assert "Version 7 is in trouble: crash loop: fraud/7#0." in lines


def test_one_version_only_can_be_asked_about() -> None:
    account = account_of(server(OLD, READY), version="6")
    assert [part.shown.listed for part in account.parts] == [OLD]


def test_a_model_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ServerError, match=r"has no model 'fraud'; it has 'spam'"):
        account_of(server(replace(READY, name="spam")))


def test_a_server_of_another_make_says_what_it_can() -> None:
    plain = ModelConfigResponse()
    plain.config.max_batch_size = 0
    lines = sentences(account_of(server(READY, ModelConfig=plain), page=None))
    assert not any("serves since" in line for line in lines)
    assert any("without batching" in line for line in lines)


def test_all_is_there_as_json() -> None:
    values = json.loads(json.dumps(as_values(account_of(server(READY)))))
    (version,) = values["versions"]
    assert (version["chosen_by"], version["since"]) == (
        "a load call over gRPC", "2026-11-18T08:06:40Z"
    )  # fmt: skip
    assert version["answers"]["succeeded"] == 90
    assert version["outcomes"]["rejected"] == 6
    assert values["metrics"] == "answered"


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        (Versions(), "the highest version"),
        (Versions(3), "the 3 highest versions"),
        (Versions(0), "all versions that lie in its folder"),
        (Versions(1, ("2", "5")), "the versions that are named: 2 and 5"),
    ],
)
def test_a_policy_is_told_as_it_was_written(versions: Versions, words: str) -> None:
    made = ModelConfigResponse()
    add_choice(made.config, Choice(versions=versions))
    assert policy_words(made.config.version_policy) == words
    assert {SERVED_SINCE, CHOSEN_BY} & set(made.config.parameters) == set()


LOADED = Event(NOW_S - 60, "loaded", "fraud", "7", "", "loaded")
UNLOADED = Event(NOW_S - 59, "unloaded", "fraud", "6", "", "gone\x1b[2J")
ASKED = Event(NOW_S - 58, "unload_asked", "fraud", "", "", "asked")


def test_what_has_happened_to_the_model_is_told_where_it_is_to_be_seen() -> None:
    others = [LOADED._replace(model="spam")] * 20
    account = account_of(server(READY), events=lambda _: [LOADED, *others, UNLOADED, ASKED])
    assert sentences(account)[-4:] == [
        "What happened to it last:",
        "- 2026-11-18T11:05:40Z (1 min ago): loaded",
        "- 2026-11-18T11:05:41Z (59 s ago): gone\\x1b[2J",
        "- 2026-11-18T11:05:42Z (58 s ago): asked",
    ]
    assert [e["event"] for e in as_values(account)["events"]] == [
        "loaded", "unloaded", "unload_asked"
    ]  # fmt: skip


def test_of_one_version_only_its_own_and_the_models_events_are_told() -> None:
    account = account_of(
        server(OLD, READY), version="6", events=lambda _: [LOADED, UNLOADED, ASKED]
    )
    assert account.events == (UNLOADED, ASKED)


def test_of_many_events_the_last_are_told() -> None:
    account = account_of(server(READY), events=lambda _: [LOADED] * 50 + [ASKED])
    assert account.events == (LOADED,) * 7 + (ASKED,)


def test_a_time_that_cannot_be_read_is_repeated() -> None:
    assert moment("soon", NOW_S) == "soon"
