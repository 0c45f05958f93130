"""``leeboard why``: what serves of a model, since when, chosen by what, and how it answers.

All that is needed is answered by the server's data plane, so this works while the server's
Python is busy or hangs. Only the reasons of failures and the quantiles come from /metrics;
where that does not answer, this is said, for it is a finding of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from runtime.capacity.endpoint import Call, decode
from runtime.capacity.progress import show_us
from runtime.errors import ServerError
from runtime.events import Event
from runtime.listing import (
    READY,
    Shown,
    ask,
    list_models,
    plain_call,
    reach,
    show_model,
)
from runtime.messages import (
    Message,
    ModelStatisticsRequest,
    ModelStatisticsResponse,
    ServerMetadataRequest,
    ServerMetadataResponse,
)
from runtime.models.describe import CHOSEN_BY, FOLLOWS, SERVED_SINCE, called
from runtime.models.swapping.telling import Follows
from runtime.operating.follows import Standing, follow_words, read_follows
from runtime.operating.here import events_of
from runtime.operating.looking import Metrics
from runtime.operating.scrapes import Numbers, Scrape, failures, quantile
from runtime.operating.words import ago, count, listed
from runtime.printable import escaped

MOST_NAMED = 8
MOST_EVENTS = 8
MICROSECOND_NS = 1e3


@dataclass(frozen=True, slots=True)
class Answers:
    """How a version has answered since it was loaded; times are of all requests, in ns."""

    succeeded: int = 0
    failed: int = 0
    total_ns: int = 0
    queue_ns: int = 0
    compute_ns: int = 0
    rows: int = 0
    batches: int = 0
    last_ms: int = 0  # Since the epoch; 0: never.


@dataclass(frozen=True, slots=True)
class Part:
    """All that is known of one version; `since` and `by` are empty where nobody says."""

    shown: Shown
    answers: Answers | None = None
    numbers: Numbers | None = None
    since: str = ""
    by: str = ""
    follows: Follows | None = None  # None: no alias of a registry.


@dataclass(frozen=True, slots=True)
class Account:
    """All that is known of a model; `silence` says why /metrics did not answer.

    `events` are the last changes of its state, oldest first, where they are to be seen.
    """

    url: str
    server: str
    model: str
    parts: tuple[Part, ...]
    silence: str = ""
    at_s: float = 0.0  # Since the epoch.
    events: tuple[Event, ...] = ()

    @property
    def serving(self) -> list[Part]:
        """The versions that serve."""
        return [part for part in self.parts if part.shown.listed.state == READY]


def gather(
    url: str,
    model: str,
    version: str,
    metrics: Metrics,
    call: Call = plain_call,
    clock: Callable[[], float] = time.time,
    events: Callable[[str], Sequence[Event]] = events_of,
) -> Account:
    """Return all that a server tells of a model, or of one version.

    Raises ServerError when it has no such model or cannot be reached.
    """
    names = sorted({each.name for each in list_models(url, call)})
    if model not in names:
        has = ", ".join(map(repr, names[:MOST_NAMED])) + ", ..." * (len(names) > MOST_NAMED)
        raise ServerError(f"{url} has no model {called(model)}; it has {has or 'none'}")
    shown = show_model(url, model, version, call)
    statistics = read_statistics(url, model, call)
    scrape, silence = None, ""
    try:
        scrape = metrics.read(0.0)
    except ServerError as error:
        silence = str(error)
    parts = tuple(part_of(each, statistics, scrape) for each in shown)
    recent = tuple(recent_events(events, url, model, version))
    return Account(url, server_of(url, call), model, parts, silence, clock(), recent)


def recent_events(
    events: Callable[[str], Sequence[Event]], url: str, model: str, version: str
) -> list[Event]:
    """Return the last changes of a model; none where they are not to be seen."""
    try:
        found = events(url)
    except ServerError:
        return []
    wanted = ("", version)
    named = [e for e in found if e.model == model and (not version or e.version in wanted)]
    return named[-MOST_EVENTS:]


def server_of(url: str, call: Call) -> str:
    """Return the server's name and version."""
    endpoint = reach(url)
    raw = ask(endpoint, "ServerMetadata", ServerMetadataRequest(), call)
    about = decode(endpoint, "ServerMetadata", ServerMetadataResponse, raw)
    return f"{about.name} {about.version}"


def read_statistics(url: str, model: str, call: Call) -> dict[str, Answers]:
    """Return how each version of a model has answered."""
    endpoint = reach(url)
    request = ModelStatisticsRequest(name=model)
    raw = ask(endpoint, "ModelStatistics", request, call)
    found = decode(endpoint, "ModelStatistics", ModelStatisticsResponse, raw)
    return {each.version: answers_of(each) for each in found.model_stats}


def answers_of(statistics: Message) -> Answers:
    """Return one version's statistics."""
    times = statistics.inference_stats
    return Answers(
        times.success.count,
        times.fail.count,
        times.success.ns,
        times.queue.ns,
        times.compute_infer.ns,
        statistics.inference_count,
        statistics.execution_count,
        statistics.last_inference,
    )


def part_of(shown: Shown, statistics: dict[str, Answers], scrape: Scrape | None) -> Part:
    """Return one version with what belongs to it."""
    key = (shown.listed.name, shown.listed.version)
    return Part(
        shown,
        statistics.get(shown.listed.version),
        scrape.versions.get(key) if scrape else None,
        parameter(shown.config, SERVED_SINCE),
        parameter(shown.config, CHOSEN_BY),
        read_follows(parameter(shown.config, FOLLOWS)),
    )


def parameter(config: Message | None, name: str) -> str:
    """Return a configuration's parameter, or nothing."""
    if config is None or name not in config.parameters:
        return ""
    return str(config.parameters[name].string_value)


def as_values(account: Account) -> dict[str, Any]:
    """Return an account as JSON values."""
    return {
        "url": account.url,
        "server": account.server,
        "model": account.model,
        "metrics": account.silence or "answered",
        "versions": [
            {
                **asdict(part.shown.listed),
                "since": part.since,
                "chosen_by": part.by,
                "follows": asdict(part.follows) if part.follows else None,
                "answers": asdict(part.answers) if part.answers else None,
                "outcomes": dict(part.numbers.outcomes) if part.numbers else None,
                "load_report": part.shown.report,
            }
            for part in account.parts
        ],
        "events": [event._asdict() for event in account.events],
    }


def sentences(account: Account) -> list[str]:
    """Return an account as sentences, one a line, fit for a terminal."""
    lines = list(head(account))
    for part in account.serving:
        lines += serving_words(part, account.at_s)
    lines += other_words(account)
    lines += event_words(account)
    if account.silence:
        lines.append(
            "The server's control plane gave no numbers, so reasons of failures and "
            f"quantiles are missing: {account.silence}."
        )
    return [escaped(line) for line in lines]


def head(account: Account) -> Iterator[str]:
    """Say which version serves, or that none does."""
    where = f"at {account.url} ({account.server})"
    numbers = [part.shown.listed.version for part in account.serving]
    if not numbers:
        yield f"No version of {account.model} serves {where}."
        return
    noun = "version" if len(numbers) == 1 else "versions"
    yield f"{account.model} is served {where} by {noun} {listed(numbers)}."
    if any(part.follows for part in account.parts):
        told = [Standing(part.shown.listed, part.follows) for part in account.parts]
        yield from follow_words(account.model, told)
    elif len(numbers) > 1:
        best = max(numbers, key=lambda number: (len(number), number))
        yield f"Requests that name no version go to version {best}."


def serving_words(part: Part, at_s: float) -> Iterator[str]:
    """Say all that is known of a version that serves."""
    called_so = f"Version {part.shown.listed.version}"
    if part.since or part.by:
        since = f" since {moment(part.since, at_s)}" if part.since else ""
        by = f"; it was chosen by {part.by}" if part.by else ""
        yield f"{called_so} serves{since}{by}."
    if part.shown.config is not None:
        yield f"{called_so} {config_words(part.shown.config, part.follows)}."
    if part.shown.listed.reason:
        yield f"{called_so} is in trouble: {part.shown.listed.reason}."
    for note in (part.shown.report or {}).get("notes", ()):
        yield f"Its load said: {note}."
    if part.answers is not None:
        yield from answer_words(called_so, part.answers, at_s)
    if part.numbers is not None:
        yield from number_words(called_so, part.numbers)


def moment(text: str, at_s: float) -> str:
    """Return a time with how long ago it was."""
    try:
        passed_s = at_s - datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except ValueError:
        return text
    return f"{text} ({ago(passed_s)})"


def config_words(config: Message, follows: Follows | None = None) -> str:
    """Say how a version runs, and out of which versions it was chosen."""
    groups = sum(group.count for group in config.instance_group)
    most = config.max_batch_size
    preferred = list(config.dynamic_batching.preferred_batch_size)
    usual = f", usually {preferred[0]}" if preferred else ""
    batches = f"in batches of at most {most} rows{usual}" if most else "without batching"
    runs = f"runs on {count(groups, 'worker')}, {batches}"
    if follows is not None:
        return f"{runs}; its model follows {follows.alias}"
    return f"{runs}; its model serves {policy_words(config.version_policy)}"


def policy_words(policy: Message) -> str:
    """Say which versions of a model are wanted."""
    which = policy.WhichOneof("policy_choice")
    if which == "all":
        return "all versions that lie in its folder"
    if which == "specific":
        named = listed([str(number) for number in policy.specific.versions])
        return f"the versions that are named: {named}"
    most = policy.latest.num_versions or 1
    return "the highest version" if most == 1 else f"the {most} highest versions"


def answer_words(called_so: str, answers: Answers, at_s: float) -> Iterator[str]:
    """Say how a version has answered."""
    if not answers.succeeded and not answers.failed:
        yield f"{called_so} has not been asked yet."
        return
    last = f", the last {ago(at_s - answers.last_ms / 1e3)}" if answers.last_ms else ""
    answered = count(answers.succeeded, "request")
    yield f"{called_so} has answered {answered}{last}; {answers.failed:,} failed."
    if answers.succeeded and answers.batches:
        mean_us = 1 / answers.succeeded / MICROSECOND_NS
        yield (
            f"A request takes {show_us(answers.total_ns * mean_us)} on average, of which "
            f"it waits {show_us(answers.queue_ns * mean_us)} and computes "
            f"{show_us(answers.compute_ns * mean_us)}; a batch holds "
            f"{answers.rows / answers.batches:.1f} rows."
        )


def number_words(called_so: str, numbers: Numbers) -> Iterator[str]:
    """Say what only /metrics knows."""
    reasons = [f"{why} {n:,.0f}" for why, n in failures(numbers.outcomes)]
    if reasons:
        yield f"{called_so} failed for these reasons: {listed(reasons)}."
    half, most = quantile(numbers.latency, 0.5), quantile(numbers.latency, 0.99)
    if half is not None and most is not None:
        yield (
            f"Half of all answers came within {show_us(half * 1e6)}, 99 of 100 within "
            f"{show_us(most * 1e6)}."
        )
    workers, queued = numbers.plain.get("workers", 0), numbers.plain.get("queued", 0)
    yield f"Just now {workers:g} of its workers take batches, {queued:g} requests wait."


def other_words(account: Account) -> Iterator[str]:
    """Say what else there is of the model, and why it does not serve."""
    for part in account.parts:
        one = part.shown.listed
        if one.state == READY:
            continue
        what = f"Version {one.version}" if one.version else "The model"
        state = one.state.lower() or "not loaded"
        reason = f": {one.reason}" if one.reason else ""
        yield f"{what} does not serve, it is {state}{reason}."


def event_words(account: Account) -> Iterator[str]:
    """Say what has happened to the model of late."""
    if account.events:
        yield "What happened to it last:"
    for event in account.events:
        at = datetime.fromtimestamp(event.time, UTC).isoformat(timespec="seconds")
        yield f"- {moment(at.replace('+00:00', 'Z'), account.at_s)}: {event.text}"
