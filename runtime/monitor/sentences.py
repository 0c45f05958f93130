"""What detectors have found, said so that a person understands it."""

from __future__ import annotations

import time
from math import inf

from runtime.monitor.signals import Since, Subject
from runtime.printable import escaped


def share(value: float) -> str:
    """Return a share in percent, with as many digits as it takes to tell it from none.

    Examples
    --------
    >>> share(0.5), share(0.0312), share(0.00042), share(0.0)
    ('50 %', '3.1 %', '0.042 %', '0 %')
    """
    percent = 100.0 * value
    if percent >= 9.95 or percent == 0.0:
        return f"{percent:.0f} %"
    return f"{percent:.2g} %"


def number(value: float) -> str:
    """Return a value in a few digits.

    Examples
    --------
    >>> number(36.0), number(1234567.0), number(0.000123456)
    ('36', '1.23e+06', '0.000123')
    """
    return f"{value:.3g}"


def when(since: Since | None) -> str:
    """Return since when something is so: by row and, in UTC, by time."""
    if since is None:
        return ""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since.time_s))
    return f" since about row {since.row:,} ({moment} UTC)"


def of(subject: Subject) -> str:
    """Return what a subject is about, as a sentence begins."""
    return escaped(f"{subject.name} of {subject.model} version {subject.version}")


def moved(
    subject: Subject, edge: float, live: float, reference: float, since: Since | None
) -> str:
    """Say that a feature's values lie elsewhere than in the reference."""
    return (
        f"{of(subject)} has moved away from its reference{when(since)}: {share(live)} of "
        f"its values are {number(edge)} or more, the reference has {share(reference)}."
    )


def mixed(
    subject: Subject, category: float, live: float, reference: float, since: Since | None
) -> str:
    """Say that a feature's categories are mixed otherwise than in the reference."""
    return (
        f"{of(subject)} has another mix of values than its reference{when(since)}: "
        f"{share(live)} of them are {number(category)}, the reference has "
        f"{share(reference)}."
    )


def more(
    subject: Subject, what: str, live: float, reference: float, since: Since | None
) -> str:
    """Say that an event happens more often than in the reference."""
    return (
        f"{of(subject)} {what} in {share(live)} of the rows{when(since)}, the reference "
        f"has {share(reference)}."
    )


def beyond(low: float, high: float) -> str:
    """Say that a value is out of a range with one end or two.

    Examples
    --------
    >>> beyond(18.0, 120.0), beyond(float("-inf"), 1.0)
    ('is not within 18 to 120', 'is above 1 or infinite')
    """
    if low == -inf:
        return f"is above {number(high)} or infinite"
    if high == inf:
        return f"is below {number(low)} or infinite"
    return f"is not within {number(low)} to {number(high)}"


def broken(
    subject: Subject, what: str, live: float, promised: float, since: Since | None
) -> str:
    """Say that something happens which a version's contract does not allow."""
    allowed = f"{share(promised)} at most" if promised else "none"
    return (
        f"{of(subject)} {what} in {share(live)} of the rows{when(since)}; its contract "
        f"allows {allowed}."
    )


def refused(subject: Subject, live: float) -> str:
    """Say that requests do not have a version's tensors."""
    return (
        f"{share(live)} of the requests to {escaped(subject.model)} version "
        f"{subject.version} are refused: their tensors have other names, shapes or types "
        "than the model's, or more rows than it takes."
    )


def worse(model: str, version: int, loss: float, before: float, since: Since) -> str:
    """Say that a version's answers are worse than they were."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since.time_s))
    return (
        f"{escaped(model)} version {version} is worse than it was since about label "
        f"{since.row:,} ({moment} UTC): its mean loss is {loss:.3g}, it was {before:.3g}."
    )


def apart(
    subject: Subject,
    key: str,
    is_opportunity: bool,
    high: tuple[str, float],
    low: tuple[str, float],
    tolerated: float,
    since: Since,
) -> str:
    """Say that two groups, given with their rates, are answered differently."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(since.time_s))
    whose = f"of the positive ones among {key}" if is_opportunity else f"of {key}"
    done = "are found" if is_opportunity else "are said to be positive"
    return escaped(
        f"{subject.model} version {subject.version} answers groups of {key} differently "
        f"since about label {since.row:,} ({moment} UTC): {share(high[1])} {whose} = "
        f"{high[0]} {done}, {share(low[1])} {whose} = {low[0]}; a difference of "
        f"{share(tolerated)} is tolerated."
    )


def promise(days: float) -> str:
    """Say how many alarms of a model are false.

    Examples
    --------
    >>> promise(30.0)
    ' While nothing is wrong, one alarm of this model in 30 days is expected at most.'
    """
    return (
        f" While nothing is wrong, one alarm of this model in {days:g} days is expected at "
        "most."
    )


def patience(days: float) -> str:
    """Say what share of a model's alarms is false, for the time that was waited.

    Examples
    --------
    >>> patience(30.0)[-53:]
    'at most the time since its looks began, over 30 days.'
    """
    return (
        " The share of false ones among this model's alarms at a look is expected to be at "
        f"most the time since its looks began, over {days:g} days."
    )
