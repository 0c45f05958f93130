"""The demo's own arithmetic: cutting files, reading scores, counting what was spent."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from runtime.testing.demo import filetypes, measure, show, wheels, words
from runtime.testing.demo.__main__ import parse
from runtime.testing.demo.acts import failures, grown, since
from runtime.testing.demo.clients import Case, Tally, add, is_right

PAD = 256

CONFIG = filetypes.Config(
    first=4,
    last=4,
    block=8,
    padding=PAD,
    least=2,
    labels=("python", "rust", "noise", "randomtxt"),
    thresholds={"rust": 0.9},
    threshold=0.5,
    renamed={"randomtxt": "txt"},
)

TYPES = {
    "python": filetypes.ContentType("Python source", is_text=True),
    "rust": filetypes.ContentType("Rust source", is_text=True),
    "noise": filetypes.ContentType("Noise", is_text=False),
    "randomtxt": filetypes.ContentType("Random text", is_text=True),
}

ALPHABET = ("", "a", "b", " ")


def scores(*values: float) -> npt.NDArray[np.float32]:
    return np.array(values, np.float32)


def columns(*best: int) -> npt.NDArray[np.float32]:
    """Scores of which these characters are the best, each with 0.7."""
    made = np.full((len(best), len(ALPHABET)), 0.1, np.float32)
    made[np.arange(len(best)), best] = 0.7
    return made


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"abcdefghij", [*b"abcd", *b"ghij"]),
        (b"abc", [*b"abc", PAD, PAD, *b"abc"]),
        (b"  \n\tabc \n", [*b"abc ", *b"\tabc"]),
        (b"\x00\xff\x00\xff\x00", [0, 255, 0, 255, 255, 0, 255, 0]),
    ],
    ids=["long", "short", "whitespace", "bytes"],
)
def test_a_file_is_cut_to_its_two_ends_without_their_whitespace(
    content: bytes, row: list[int]
) -> None:
    made = filetypes.features(content, CONFIG)
    assert made.dtype == np.int32
    assert made.tolist() == row


@pytest.mark.parametrize("content", [b"", b"a", b" " * 8 + b"abc"])
def test_too_little_to_see_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="too few to guess from"):
        filetypes.features(content, CONFIG)


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (scores(0.6, 0.2, 0.1, 0.1), "python"),
        (scores(0.4, 0.3, 0.2, 0.1), "txt"),
        (scores(0.1, 0.8, 0.1, 0.0), "txt"),
        (scores(0.0, 0.95, 0.05, 0.0), "rust"),
        (scores(0.2, 0.2, 0.4, 0.2), "unknown"),
        (scores(0.0, 0.0, 0.0, 1.0), "txt"),
    ],
)
def test_a_label_is_told_only_with_the_score_that_it_asks_for(
    given: npt.NDArray[np.float32], label: str
) -> None:
    guess = filetypes.guess(given, CONFIG, TYPES)
    assert guess == filetypes.Guess(label, float(given.max()))


def written_config(**changes: object) -> str:
    return json.dumps(
        {
            "beg_size": 4, "mid_size": 0, "end_size": 4, "block_size": 8,
            "use_inputs_at_offsets": False, "padding_token": PAD, "min_file_size_for_dl": 2,
            "medium_confidence_threshold": 0.5, "thresholds": {"rust": 0.9},
            "target_labels_space": ["python", "rust", "noise", "randomtxt"],
            "overwrite_map": {"randomtxt": "txt"}, **changes,
        }
    )  # fmt: skip


def test_a_models_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(written_config())
    assert filetypes.read_config(path) == CONFIG


def test_a_model_that_sees_the_middle_of_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(written_config(mid_size=4))
    with pytest.raises(ValueError, match="out of the middle"):
        filetypes.read_config(path)


def test_a_label_without_a_description_describes_itself(tmp_path: Path) -> None:
    path = tmp_path / "types.json"
    path.write_text(
        json.dumps(
            {
                "rust": {"description": "Rust source", "is_text": True},
                "odd": {"description": None, "is_text": False},
            }
        )
    )
    assert filetypes.read_content_types(path) == {
        "rust": filetypes.ContentType("Rust source", is_text=True),
        "odd": filetypes.ContentType("odd", is_text=False),
    }


@pytest.mark.parametrize(
    ("best", "text"),
    [
        ([1, 2], "ab"),
        ([1, 1, 2, 2], "ab"),
        ([1, 0, 1], "aa"),
        ([0, 0, 1, 3, 2, 0], "a b"),
        ([3, 1, 3], "a"),
        ([0, 0], ""),
    ],
)
def test_runs_count_once_and_blanks_part_equal_letters(best: list[int], text: str) -> None:
    assert words.decode(columns(*best), ALPHABET).text == text


def test_confidence_is_the_mean_of_the_characters_that_were_read() -> None:
    given = columns(1, 0, 2)
    given[2, 2] = 0.9
    assert words.decode(given, ALPHABET).confidence == pytest.approx(0.8)
    assert words.decode(columns(0), ALPHABET).confidence == 0.0


def test_scores_of_another_alphabet_are_refused() -> None:
    with pytest.raises(ValueError, match="4 scores for 2 characters"):
        words.decode(columns(1), ("", "a"))


def test_an_image_becomes_planes_from_blue_to_red_between_minus_one_and_one() -> None:
    image = words.render("", width=16)
    image.putpixel((3, 5), (255, 0, 51))
    row = words.normalise(image)
    assert row.shape == (1, 3, words.HEIGHT, 16)
    assert row.dtype == np.float32
    assert row[0, :, 5, 3] == pytest.approx([-0.6, -1.0, 1.0], abs=1e-6)
    assert (row[0, :, 0, 0] == 1.0).all()


def test_longer_texts_make_wider_images_of_few_widths() -> None:
    short, long = words.render("gRPC"), words.render("The quick brown fox")
    assert 0 < short.width < long.width
    assert short.width % words.STEP == long.width % words.STEP == 0
    assert short.height == long.height == words.HEIGHT


def test_the_recognisers_warm_up_is_an_image_of_ink_and_paper(tmp_path: Path) -> None:
    path = tmp_path / "warmup.npz"
    path.write_bytes(wheels.recogniser_warmup())
    with np.load(path) as given:
        assert given.files == ["x"]
        assert given["x"].shape == (1, 3, 48, 160)
        assert given["x"].std() > 0.1


def test_files_are_complete_only_with_the_stamp_of_these_wheels(tmp_path: Path) -> None:
    files = wheels.Files(tmp_path)
    for wheel in wheels.WHEELS:
        for name in wheel.members.values():
            wheels.write(tmp_path / name, b"something")
    wheels.write(files.ocr.with_name("warmup.npz"), b"something")
    assert not files.complete
    wheels.write(files.stamp, b"of other wheels")
    assert not files.complete
    wheels.write(files.stamp, wheels.stamp())
    assert files.complete
    assert wheels.obtain(tmp_path) == files
    files.magika.unlink()
    assert not files.complete


def test_a_file_that_cannot_be_written_leaves_no_scratch(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        wheels.write(tmp_path / "taken", b"something")
    assert os.listdir(tmp_path) == ["taken"]


def test_without_an_index_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        wheels.DownloadError, match=r"Connect to the network(.|\n)*magika=="
    ):
        wheels.obtain(tmp_path)
    assert os.listdir(tmp_path) == []


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(
    ok: float, failed: float, rows: float, batches: float, deaths: float
) -> Samples:
    who = (("model", "magika"), ("version", "1"))
    return {
        ("leeboard_requests_total", (*who, ("outcome", "ok"))): ok,
        ("leeboard_requests_total", (*who, ("outcome", "worker"))): failed,
        ("leeboard_batch_rows_sum", who): rows,
        ("leeboard_batch_rows_count", who): batches,
        ("leeboard_worker_deaths_total", who): deaths,
        ("leeboard_worker_deaths_total", (("model", "ocr"), ("version", "1"))): 4.0,
    }


def test_cost_is_what_lies_between_two_looks() -> None:
    before = measure.Spent(100.0, 5_000_000, 1_000_000, samples(10, 1, 12, 6, 0))
    after = measure.Spent(102.0, 25_000_000, 401_000_000, samples(210, 3, 612, 106, 0))
    cost = measure.cost(before, after, ["magika"])
    assert cost.rate == 100.0
    assert (cost.requests, cost.failed) == (200, 2)
    assert (cost.front_us, cost.workers_us) == (100.0, 2000.0)
    assert cost.batch_rows == {"magika": 6.0}


@pytest.mark.parametrize(
    ("client_us", "word"), [(50.0, "model-bound"), (5000.0, "client-bound")]
)
def test_the_rate_is_blamed_on_whoever_used_most_of_the_processor(
    client_us: float, word: str
) -> None:
    cost = measure.Cost(1.0, 100, 0, 100.0, 2000.0, {})
    assert f"[yellow]{word}[/]" in show.bound_by(cost, client_us)


def test_the_model_whose_worker_died_is_named() -> None:
    assert grown(samples(0, 0, 0, 0, 0), samples(0, 0, 0, 0, 1)) == "magika"


def test_a_process_spends_processor_time() -> None:
    before = measure.cpu_ns(os.getpid())
    np.linalg.svd(np.random.default_rng(0).random((300, 300)))
    assert measure.cpu_ns(os.getpid()) > before > 0


def test_tallies_add_up_and_complaints_are_told() -> None:
    first = Tally(Counter(magika=3), failed=0, wrong=0, cpu_s=1.0)
    second = Tally(Counter(ocr=2), failed=1, wrong=2, examples=["ocr: gone"], cpu_s=0.5)
    both = add([first, second])
    assert (both.total, both.failed, both.wrong, both.cpu_s) == (5, 1, 2, 1.5)
    assert failures(first) == []
    assert failures(both) == ["1 requests failed, 2 answers were wrong: ['ocr: gone']"]
    assert since(first, both).answers == {"ocr": 2}


def test_an_answer_is_right_only_in_shape_and_values() -> None:
    case = Case("m", "x", "y", scores(1.0), scores(0.25, 0.75))
    assert is_right(case, scores(0.25, 0.75 + 1e-6))
    assert not is_right(case, scores(0.26, 0.74))
    assert not is_right(case, scores(0.25))
    assert not is_right(case, scores(np.nan, 0.75))


@pytest.mark.parametrize("text", ["0", "-1", "601", "nan", "soon"])
def test_a_load_has_a_sensible_length(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(["--seconds", text])
    assert "--seconds" in capsys.readouterr().err
