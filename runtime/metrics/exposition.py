r"""Families of samples and the page that Prometheus reads, in both of its formats.

A page of many versions has thousands of lines, so a sample is a plain tuple and a line one
f-string: a third of the time that objects take.

Examples
--------
>>> queued = Family("queued", "gauge", "Requests that wait.")
>>> queued.add(labels(model="a\nb"), 3)
>>> print(render([queued], openmetrics=False), end="")
# HELP queued Requests that wait.
# TYPE queued gauge
queued{model="a\nb"} 3
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_exposition

generate_openmetrics: Callable[[CollectorRegistry], bytes] = (
    openmetrics_exposition.generate_latest
)

OPENMETRICS = "application/openmetrics-text"
OPENMETRICS_TYPE = f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8"

COUNTER, GAUGE, HISTOGRAM, NAMED_COUNTER = "counter", "gauge", "histogram", "named counter"


class Sample(NamedTuple):
    """One line: a suffix of the family's name, labels as text, and a value.

    `exemplar` is what OpenMetrics puts behind the value, or nothing.
    """

    suffix: str
    labels: str
    value: float
    exemplar: str = ""


@dataclass(slots=True)
class Family:
    """Samples of one name.

    `kind` is counter, gauge, histogram or *named counter*: a counter whose name is given by
    others and so has no ``_total``.
    """

    name: str
    kind: str
    help: str
    samples: list[Sample] = field(default_factory=list)

    def add(self, labels: str, value: float) -> None:
        """Add the value of a counter or a gauge."""
        suffix = "_total" if self.kind == COUNTER else ""
        self.samples.append(Sample(suffix, labels, value))


class Page(NamedTuple):
    """A page as HTTP sends it."""

    content_type: str
    body: bytes


def labels(**values: str) -> str:
    r"""Return labels as they stand between a sample's name and its value.

    Examples
    --------
    >>> labels(model='say "hi"', version="1")
    '{model="say \\"hi\\"",version="1"}'
    """
    return "{" + ",".join(f'{k}="{escaped(v)}"' for k, v in values.items()) + "}"


def escaped(value: str) -> str:
    """Return a label's value as it stands between quotes."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def with_label(labels: str, name: str, value: str) -> str:
    """Return labels and one more, whose value needs no escape.

    Examples
    --------
    >>> with_label('{a="b"}', "le", "1.0"), with_label("", "le", "1.0")
    ('{a="b",le="1.0"}', '{le="1.0"}')
    """
    before = f"{labels[:-1]}," if labels else "{"
    return f'{before}{name}="{value}"}}'


def render(families: Iterable[Family], openmetrics: bool) -> str:
    """Return the lines of families; those without a sample are left out."""
    lines = []
    for family in families:
        if not family.samples:
            continue
        name, kind = family.name, family.kind
        has_suffix = kind == COUNTER and not openmetrics
        title = f"{name}_total" if has_suffix else name
        if kind == NAMED_COUNTER:
            kind = "unknown" if openmetrics else COUNTER
        lines.append(f"# HELP {title} {family.help}\n# TYPE {title} {kind}\n")
        if openmetrics:
            lines += [f"{name}{s}{at} {value}{e}\n" for s, at, value, e in family.samples]
        else:
            lines += [f"{name}{s}{at} {value}\n" for s, at, value, _ in family.samples]
    return "".join(lines)


def wants_openmetrics(accept: str) -> bool:
    """Tell whether an Accept header names OpenMetrics and does not turn it down.

    Examples
    --------
    >>> wants_openmetrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    True
    >>> wants_openmetrics("application/openmetrics-text;q=0, text/plain")
    False
    """
    for choice in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in choice.split(";"))
        if kind == OPENMETRICS:
            return not any(p in ("q=0", "q=0.0", "q=0.00", "q=0.000") for p in parameters)
    return False


class Scrape:
    """Makes pages out of our families and of what else is registered."""

    def __init__(
        self, families: Callable[[], Iterable[Family]], registry: CollectorRegistry
    ) -> None:
        self._families = families
        self._registry = registry

    def __call__(self, accept: str) -> Page:
        """Return the page as it is now, in the format that an Accept header asks for."""
        openmetrics = wants_openmetrics(accept)
        ours = render(self._families(), openmetrics).encode()
        if openmetrics:
            # Ends with the mark that nothing may come after.
            return Page(OPENMETRICS_TYPE, ours + generate_openmetrics(self._registry))
        return Page(PLAIN_TYPE, ours + generate_latest(self._registry))
