"""Books fed from a real journal: looks, promotions, restarts, status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.monitor.journal_file import FILE
from runtime.monitor.quality_books import KEPT_VERSIONS, QualityBooks
from runtime.monitor.settings import ModelWatch, Task
from runtime.monitor.signals import VersionPromoted
from tests.unit.monitor.journal_desk import NOW, Desk, label, prediction
from tests.unit.monitor.quality_pairs import BINARY

WATCH = replace(BINARY, labels=replace(BINARY.labels, baseline=20, maturity_s=100.0))
SERVES = VersionPromoted("fraud", 3, NOW)


class Shelf(Desk):
    """A journal and the books that it feeds."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.models: dict[str, ModelWatch] = {"fraud": WATCH}
        self.books = self.new_books()

    def new_books(self) -> QualityBooks:
        return QualityBooks(self.journal, lambda: self.models, self.clock)

    def serve(self, first: int, n: int, wrong: bool = False) -> None:
        """Predict and label as many requests, every second one positive."""
        numbers = range(first, first + n)
        scores = {k: 0.9 if (k % 2 == 1) != wrong else 0.1 for k in numbers}
        self.add([prediction(k, score) for k, score in scores.items()])
        self.put([label(k, float(k % 2)) for k in numbers])

    def losses(self) -> list[float]:
        return [x for _, taken in self.books.look() for x in taken.losses.tolist()]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "journal")
    shelf.books.promoted(SERVES)
    yield shelf
    shelf.journal.close()


def test_a_look_takes_what_is_new_once(shelf: Shelf) -> None:
    shelf.serve(0, 25)
    assert shelf.losses() == [0.0] * 5
    assert shelf.books.look() == []
    shelf.serve(25, 3, wrong=True)
    assert shelf.losses() == [1.0] * 3


def test_saved_books_go_on_with_the_next_pair(shelf: Shelf) -> None:
    shelf.serve(0, 30)
    shelf.books.look()
    saved = json.loads(json.dumps(shelf.books.state()))
    shelf.serve(30, 4, wrong=True)
    lost = shelf.losses()  # A look that was not saved.
    shelf.reopen()
    shelf.books = shelf.new_books()
    shelf.books.restore(saved)
    assert shelf.losses() == lost == [1.0] * 4
    assert shelf.books.book("fraud", 3) is not None
    shelf.books.promoted(SERVES)
    assert shelf.books.look() == []


def test_state_of_another_format_is_refused_and_books_can_begin_anew(
    shelf: Shelf,
) -> None:
    with pytest.raises(ValueError, match="format 7 is not 1"):
        shelf.books.restore({"format": 7, "books": []})
    shelf.books.forget()
    assert shelf.books.books == ()
    shelf.books.promoted(SERVES)
    assert len(shelf.books.books) == 1


def test_what_is_watched_otherwise_by_now_is_left_out(shelf: Shelf) -> None:
    saved = json.loads(json.dumps(shelf.books.state()))
    shelf.models["fraud"] = replace(WATCH, task=Task.REGRESSION)
    books = shelf.new_books()
    books.restore(saved)
    assert books.books == ()


def test_models_without_a_task_have_no_book_and_old_versions_go(shelf: Shelf) -> None:
    shelf.models["plain"] = ModelWatch()
    shelf.books.promoted(VersionPromoted("plain", 1, NOW))
    shelf.books.promoted(VersionPromoted("other", 1, NOW))
    for version in range(4, 10):
        shelf.books.promoted(VersionPromoted("fraud", version, NOW + version))
    assert [book.version for book in shelf.books.books] == [7, 8, 9]
    assert len(shelf.books.books) == KEPT_VERSIONS


def test_late_labels_of_an_older_version_still_go_to_its_book(shelf: Shelf) -> None:
    shelf.add([prediction(1), prediction(2, version=4)])
    shelf.books.promoted(VersionPromoted("fraud", 4, NOW + 1))
    shelf.put([label(1), label(2)])
    shelf.books.look()
    assert [(book.version, book.taken) for book in shelf.books.books] == [(3, 1), (4, 1)]


def test_books_go_on_after_the_journal_was_set_aside(shelf: Shelf) -> None:
    shelf.serve(0, 25)
    shelf.books.look()
    saved = shelf.books.state()
    shelf.journal.close()
    (shelf.folder / FILE).write_bytes(b"no database" * 1_000)
    shelf.journal = shelf.opened()
    shelf.books = shelf.new_books()
    shelf.books.restore(saved)
    shelf.serve(100, 3, wrong=True)
    assert shelf.losses() == [1.0] * 3


def test_books_go_on_after_the_journal_was_taken_away(shelf: Shelf) -> None:
    shelf.serve(0, 25)
    shelf.books.look()
    saved = shelf.books.state()
    shelf.journal.close()
    for path in shelf.folder.glob(f"{FILE}*"):
        path.unlink()
    shelf.journal = shelf.opened()
    shelf.books = shelf.new_books()
    shelf.books.restore(saved)
    shelf.serve(100, 3, wrong=True)
    assert shelf.losses() == [1.0] * 3


def test_the_status_tells_figures_coverage_and_what_is_missing(shelf: Shelf) -> None:
    shelf.serve(0, 10)
    shelf.add([prediction(n) for n in range(10, 100)])
    shelf.books.look()
    shelf.clock.now = NOW + 1_000
    [found] = shelf.books.status("fraud")
    assert (found.taken, found.baseline_n, found.baseline_wanted) == (10, 10, 20)
    assert found.now["accuracy"].value == found.baseline["accuracy"].value == 1.0
    assert (found.maturity.coverage.all.n, found.maturity.watermark_s) == (100, NOW + 1_000)
    assert found.promised is None
    low, waits = found.warnings[-2:]
    assert low.startswith("only 10.0 % of matured predictions have a label; below 20 %")
    assert waits == "the baseline has 10 of 20 labels; no harm yet"
    assert shelf.books.status("ham") == []


def test_the_status_promises_quality_once_there_is_a_baseline(shelf: Shelf) -> None:
    shelf.serve(0, 40)
    shelf.put([label(41, "what")])
    shelf.add([prediction(41)])
    shelf.books.look()
    shelf.clock.now = NOW + 1_000
    [found] = shelf.books.status()
    assert found.promised is not None
    assert found.promised.accuracy == pytest.approx(1.0, abs=0.01)
    assert found.now["loss"].value == 0.0
    assert found.warnings[-1] == (
        "1 labels do not fit the task; the last: the label 'what' is no number"
    )
    assert np.isfinite(found.auc_uncertainty)
