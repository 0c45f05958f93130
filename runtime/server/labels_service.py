"""leeboard.v1.Labels: labels from those who know them, quality for those who ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from runtime.access.decisions import Refused, refuse_model
from runtime.access.identities import Identity
from runtime.access.roles import Role
from runtime.access.words import hide_paths
from runtime.messages import Message, message
from runtime.monitor.journal import Journal, Standing
from runtime.monitor.labels import MOST_AT_ONCE, Label, Outcome, Summary
from runtime.monitor.maturity import Place
from runtime.monitor.quality_books import QualityBooks
from runtime.monitor.quality_status import QualityStatus
from runtime.monitor.state import fates_of
from runtime.printable import escaped
from runtime.server.control_services import Caller, Method
from runtime.server.model_changes import INVALID_ARGUMENT, RESOURCE_EXHAUSTED
from runtime.statistics.calibration import Promised
from runtime.statistics.estimates import Estimate
from runtime.statistics.groups import Gap
from runtime.store.errors import StoreFull

PutLabelsRequest = message("leeboard.v1.PutLabelsRequest")
PutLabelsResponse = message("leeboard.v1.PutLabelsResponse")
QualityRequest = message("leeboard.v1.QualityRequest")
QualityResponse = message("leeboard.v1.QualityResponse")
Figure = message("leeboard.v1.Figure")

FIELDS = {
    Outcome.ACCEPTED: "accepted",
    Outcome.EARLY: "early",
    Outcome.DUPLICATE: "duplicates",
    Outcome.CONTRADICTION: "contradictions",
    Outcome.UNKNOWN: "unknown",
    Outcome.UNSAMPLED: "unsampled",
    Outcome.TOO_OLD: "too_old",
    Outcome.FUTURE: "from_future",
    Outcome.INVALID: "invalid",
}


class LabelsService:
    """Answers PutLabels and Quality."""

    name = "leeboard.v1.Labels"

    def __init__(
        self, journal: Journal, books: QualityBooks, roots: Sequence[str] = ()
    ) -> None:
        self._journal = journal
        self._books = books
        self._roots = roots

    @property
    def methods(self) -> Sequence[Method]:
        """PutLabels for labelers, Quality for them and for viewers."""
        see = Role.VIEWER | Role.LABELER
        return (
            Method("PutLabels", Role.LABELER, PutLabelsRequest, self._put),
            Method("Quality", see, QualityRequest, self._quality),
        )

    async def _put(self, caller: Caller, request: Message) -> Message:
        if len(request.labels) > MOST_AT_ONCE:
            raise Refused(
                INVALID_ARGUMENT,
                f"{len(request.labels)} labels came at once; send at most {MOST_AT_ONCE}",
            )
        for model in sorted({label.model for label in request.labels}):
            refuse_model(caller.identity, model)
        labels = [label_of(index, each) for index, each in enumerate(request.labels)]
        try:
            summary = await asyncio.wrap_future(self._journal.put(labels))
        except StoreFull as error:
            raise Refused(
                RESOURCE_EXHAUSTED,
                "the disk of the prediction journal is full: none of these labels was "
                "taken; make room there and send them again",
            ) from error
        return response_of(summary)

    async def _quality(self, caller: Caller, request: Message) -> Message:
        if request.model:
            refuse_model(caller.identity, request.model)
        found = await asyncio.to_thread(self._books.status, request.model)
        standing = self._journal.standing
        response = QualityResponse(
            journal=standing.state.value,
            journal_why=escaped(hide_paths(standing.why, self._roots)),
        )
        if caller.identity is None or caller.identity.may_use("*"):
            add_standing(response.standing, standing)
        for status in found:
            if may_see(caller.identity, status.model):
                add_status(response.versions.add(), status)
        return response


def may_see(identity: Identity | None, model: str) -> bool:
    """Say whether a caller may use a model."""
    return identity is None or identity.may_use(model)


def label_of(index: int, given: Message) -> Label:
    """Return a label of a request; raises Refused where it has no value."""
    kind = given.WhichOneof("value")
    if kind is None:
        raise Refused(
            INVALID_ARGUMENT,
            f"label {index} ({escaped(given.model)} request {escaped(given.request_id)!r} "
            f"row {given.row}) has neither a number nor a text; no label was taken",
        )
    value = given.number if kind == "number" else given.text
    time_s = given.time if given.HasField("time") else None
    return Label(given.model, given.request_id, given.row, value, time_s)


def response_of(summary: Summary) -> Message:
    """Return the answer to labels."""
    counts = {field: summary.count(outcome) for outcome, field in FIELDS.items()}
    response = PutLabelsResponse(**counts)
    for problem in summary.problems:
        response.problems.add(
            index=problem.index, outcome=problem.outcome.value, words=problem.words
        )
    return response


def figure(name: str, found: Estimate) -> Message:
    """Return an estimate as a message."""
    return Figure(
        name=escaped(name), value=found.value, low=found.low, high=found.high, n=found.n
    )


def add_status(target: Message, status: QualityStatus) -> None:
    """Fill in how a version stands."""
    coverage = status.maturity.coverage
    target.model, target.version = status.model, status.version
    target.task, target.labels = status.task.value, status.taken
    target.unfit = status.unfit
    target.baseline_labels = status.baseline_n
    target.baseline_wanted = status.baseline_wanted
    target.now.extend(figure(*each) for each in status.now.items())
    target.baseline.extend(figure(*each) for each in status.baseline.items())
    target.promised.extend(promised_figures(status.promised))
    if status.now and status.until_s >= status.since_s:
        target.since, target.until = status.since_s, status.until_s
    target.watermark = status.maturity.watermark_s
    add_place(target.coverage, coverage.all)
    for place in coverage.by_score:
        add_place(target.coverage_by_score.add(), place)
    for key, places in (coverage.by_group or {}).items():
        group = target.coverage_by_group.add(key=escaped(key))
        for place in places:
            add_place(group.places.add(), place)
    add_gaps(target, status.gaps, status.tolerated_gap)
    target.warnings.extend(escaped(words) for words in status.warnings)
    target.auc_uncertainty = status.auc_uncertainty


def add_standing(target: Message, standing: Standing) -> None:
    """Fill in what the journal holds, and what became of predictions and labels."""
    target.rows, target.bytes = standing.rows, standing.nbytes
    target.oldest = standing.oldest_s
    target.predictions.update(fates_of(standing))
    target.labels.update({each.value: n for each, n in standing.outcomes.items()})


def add_place(target: Message, place: Place) -> None:
    """Fill in some predictions' coverage."""
    target.name = escaped(place.name)
    target.matured, target.labelled = place.n, place.labelled


def add_gaps(
    target: Message, found: Mapping[str, Mapping[str, Gap]], tolerated: float
) -> None:
    """Fill in the gaps between groups."""
    for key, gaps in found.items():
        for name, gap in gaps.items():
            each = target.gaps.add(
                key=escaped(key),
                name=name,
                highest=escaped(gap.highest),
                lowest=escaped(gap.lowest),
                left_out=[escaped(group) for group in gap.left_out],
                rates=[figure(*rate) for rate in gap.rates.items()],
                tolerated=tolerated,
                over=gap.is_over(tolerated),
            )
            if gap.value is not None:
                each.gap.CopyFrom(figure(name, gap.value))


def promised_figures(found: Promised | None) -> list[Message]:
    """Return what is promised without labels; its accuracy has two standard errors."""
    if found is None:
        return []
    values = {
        "accuracy": found.accuracy,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "auc": found.auc,
    }
    nan = float("nan")
    shown = {name: Estimate(v, nan, nan, found.n) for name, v in values.items()}
    half = 2 * found.deviation
    ends = found.accuracy - half, found.accuracy + half
    shown["accuracy"] = Estimate(found.accuracy, *ends, found.n)
    return [figure(name, each) for name, each in shown.items()]
