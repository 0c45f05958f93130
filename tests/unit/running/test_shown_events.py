"""Events are shown at once, a few times a second at most, and only while a server runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import pytest

from runtime.events import Event, EventRing, about
from runtime.running.shown_events import MOST_PER_S, NAME, ShownEvents, read_events
from runtime.running.window import Window

HERE = (os.getpid(),)


class Scene:
    """A ring that is shown, a clock that stands, and what was put off."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.put_off: list[tuple[float, Callable[[], None]]] = []
        self.ring = EventRing()
        self.shown = ShownEvents(
            self.ring, lambda *what: self.put_off.append(what), lambda: self.now_s
        )

    def log(self, text: str) -> None:
        record = logging.makeLogRecord({"msg": text, **about("loaded", "m", "3", "m/3#0")})
        self.ring.handle(record)

    def texts(self) -> list[str]:
        return [event.text for event in read_events(HERE) or ()]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_event_is_to_be_read_at_once_and_whole(scene: Scene) -> None:
    assert read_events(HERE) is None
    scene.log("caf\xe9\x1b[2J \udc80 \U0001f600")
    (event,) = scene.ring.recent()
    assert read_events(HERE) == [event]
    assert event[1:] == (
        "loaded", "m", "3", "m/3#0", "caf\xe9\\x1b[2J \\udc80 \U0001f600"
    )  # fmt: skip
    scene.shown.close()
    assert read_events(HERE) is None
    scene.log("too late")
    assert read_events(HERE) is None


def test_many_at_once_are_shown_a_few_times_a_second_and_none_is_lost(
    scene: Scene,
) -> None:
    texts = [str(n) for n in range(50)]
    for text in texts:
        scene.log(text)
        scene.now_s += 0.01
    assert scene.texts() == texts[:MOST_PER_S]
    ((wait_s, write),) = scene.put_off
    assert wait_s == pytest.approx(1.0 - 0.01 * MOST_PER_S)
    scene.now_s += wait_s
    write()
    assert scene.texts() == texts
    scene.now_s += 1.0
    scene.log("later")
    assert scene.texts() == [*texts, "later"]
    assert len(scene.put_off) == 1
    scene.shown.close()


def test_what_was_put_off_beyond_the_end_shows_nothing(scene: Scene) -> None:
    for text in "abcdef":
        scene.log(text)
    scene.shown.close()
    scene.put_off[0][1]()
    assert read_events(HERE) is None


@pytest.mark.parametrize("text", ["", "{", "[[1]]", "7", '[["x", "", "", "", "", ""]]'])
def test_what_another_version_shows_is_no_events(text: str) -> None:
    window = Window(NAME)
    window.write(text)
    assert read_events(HERE) is None
    window.write('[[1.5, "ready", "", "", "", "text"]]')
    assert read_events(HERE) == [Event(1.5, "ready", "", "", "", "text")]
    window.close()
