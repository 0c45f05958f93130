"""The parts of the demo of model formats: tokens, sound, speech, text, and its files."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from runtime.errors import InputError
from runtime.testing.demo import wheels
from runtime.testing.demo_models import (
    acts,
    assets,
    downloads,
    redact,
    sentences,
    speech,
    voice,
    wordpiece,
)
from runtime.testing.demo_models.speech import Stretch

VOCABULARY = {
    token: number
    for number, token in enumerate(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "lee", "##board", "##boards", "!", "un",
         "##able", "deja", "北", "board"]
    )
}  # fmt: skip
TOKENIZER = wordpiece.Tokenizer(VOCABULARY)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A leeboard!", ["a", "lee", "##board", "!"]),
        ("LEEBOARDS", ["lee", "##boards"]),
        ("Déjà\u00a0a", ["deja", "a"]),
        ("a北a", ["a", "北", "a"]),
        ("leeboardx board", ["[UNK]", "board"]),
        ("a\x00\u200ba \ufffd", ["[UNK]"]),
        ("a" * 101, ["[UNK]"]),
        ("\t \n", []),
    ],
    ids=["words", "case", "accents", "cjk", "unknown", "control", "long", "nothing"],
)
def test_text_is_cut_into_the_longest_known_pieces(text: str, tokens: list[str]) -> None:
    assert TOKENIZER.tokens(text) == tokens


def test_a_batch_is_padded_to_its_longest_sentence() -> None:
    ids, mask = TOKENIZER.batch(["A leeboard!", "a"])
    assert ids.tolist() == [[2, 4, 5, 6, 8, 3], [2, 4, 3, 0, 0, 0]]
    assert mask.tolist() == [[1] * 6, [1, 1, 1, 0, 0, 0]]
    assert ids.dtype == mask.dtype == np.int64


def test_a_long_sentence_is_cut_and_keeps_its_end() -> None:
    ids, mask = TOKENIZER.batch(["a a a a a", "a"], length=4)
    assert ids.tolist() == [[2, 4, 4, 3], [2, 4, 3, 0]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_a_token_is_its_line(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("[PAD]\nä\n##b\n", "utf-8")
    assert wordpiece.read_vocabulary(path) == {"[PAD]": 0, "ä": 1, "##b": 2}


def tone(hertz: float, rate: int, seconds: float = 0.2) -> npt.NDArray[np.float32]:
    at = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


@pytest.mark.parametrize("hertz", [50.0, 440.0, 3000.0, 7000.0])
def test_a_tone_is_the_same_tone_at_another_rate(hertz: float) -> None:
    made = speech.resample(tone(hertz, 22_050), 22_050, speech.RATE)
    wanted = tone(hertz, speech.RATE)
    inner = slice(100, -100)
    assert made.dtype == np.float32
    assert len(made) == len(wanted)
    np.testing.assert_allclose(made[inner], wanted[inner], atol=0.01)


def test_what_the_new_rate_cannot_hold_is_filtered_out() -> None:
    made = speech.resample(tone(10_000.0, 22_050), 22_050, speech.RATE)
    assert np.abs(made[100:-100]).max() < 0.01


def test_the_same_rate_changes_nothing() -> None:
    sound = tone(440.0, 16_000)
    np.testing.assert_array_equal(speech.resample(sound, 16_000, 16_000), sound)


def test_a_wave_file_of_unknown_length_is_read() -> None:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes(np.array([0, 16384, -32768], "<i2").tobytes())
    content = bytearray(written.getvalue())
    content[40:44] = b"\xff\xff\xff\x7f"
    sound, rate = speech.read_wave(bytes(content))
    assert rate == 22_050
    assert sound.tolist() == [0.0, 0.5, -1.0]


def test_a_scene_says_where_each_sentence_is(rng: np.random.Generator) -> None:
    said = [tone(440.0, speech.RATE, 1.0), tone(300.0, speech.RATE, 0.5)]
    scene = speech.scene(said, rng)
    assert scene.spoken == (Stretch(2.0, 3.0), Stretch(5.0, 5.5))
    assert len(scene.sound) == round(7.5 * speech.RATE)
    loud = [float(scene.sound[int(s * 16_000) :][:8000].std()) for s in (0.5, 2.2, 3.5)]
    assert loud == pytest.approx([speech.HUM, 0.354, speech.LOUD_NOISE], rel=0.5)


def test_silence_at_the_ends_is_cut() -> None:
    sound = np.array([0.0, 0.001, 0.5, 0.0, -0.5, 0.002], np.float32)
    assert speech.trimmed(sound).tolist() == [0.5, 0.0, -0.5]
    assert speech.trimmed(np.zeros(3, np.float32)).size == 0


def test_without_espeak_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(speech.SpeechError, match="install espeak-ng"):
        speech.speak("Ahoy")


def test_each_chunk_brings_the_end_of_the_last_one_and_its_state() -> None:
    heard: list[tuple[npt.NDArray[np.float32], float]] = []

    def detect(
        samples: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[float, npt.NDArray[np.float32]]:
        heard.append((samples.copy(), float(state[0, 0, 0])))
        return float(len(heard)), state + 1

    sound = np.arange(1, 601, dtype=np.float32)
    assert voice.listen(sound, detect).tolist() == [1.0, 2.0]
    assert [state for _, state in heard] == [0.0, 1.0]
    first, second = (samples for samples, _ in heard)
    assert first.shape == second.shape == (1, 576)
    assert first[0, :65].tolist() == [0.0] * 64 + [1.0]
    assert second[0, :65].tolist() == [*range(449, 513), 513.0]
    assert second[0, 152:].tolist() == [0.0] * (576 - 152)


def likely(*runs: tuple[float, int]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.full(n, p, np.float32) for p, n in runs])


@pytest.mark.parametrize(
    ("probabilities", "chunks"),
    [
        (likely((0.1, 20)), []),
        (likely((0.1, 5), (0.9, 10), (0.1, 20)), [(5, 15)]),
        (likely((0.9, 10), (0.1, 9), (0.9, 5)), [(0, 24)]),
        (likely((0.9, 10), (0.1, 10), (0.9, 5)), [(0, 10), (20, 25)]),
        (likely((0.4, 5), (0.6, 1), (0.4, 5), (0.1, 12)), [(5, 11)]),
    ],
    ids=["nothing", "one", "short pause", "long pause", "two thresholds"],
)
def test_speech_begins_likely_and_ends_with_a_long_pause(
    probabilities: npt.NDArray[np.float32], chunks: list[tuple[int, int]]
) -> None:
    found = [(round(s.start_s / 0.032), round(s.end_s / 0.032))
             for s in voice.stretches(probabilities)]  # fmt: skip
    assert found == chunks


def test_stretches_agree_in_number_and_at_both_ends() -> None:
    spoken = (Stretch(1.0, 2.0), Stretch(4.0, 5.0))
    assert voice.agree((Stretch(1.1, 1.9), Stretch(4.0, 5.0)), spoken, 0.2)
    assert not voice.agree((Stretch(1.0, 2.0),), spoken, 0.2)
    assert not voice.agree((Stretch(1.0, 2.3), Stretch(4.0, 5.0)), spoken, 0.2)
    assert not voice.agree((Stretch(0.7, 2.0), Stretch(4.0, 5.0)), spoken, 0.2)


class Context:
    """As much of a context as the class asks for."""

    def __init__(self, **options: str) -> None:
        self.options = options


def model(**options: str) -> redact.Model:
    made = redact.Model()
    made.load(Context(**options))
    return made


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("Mail ann.lee+x@example.com.", "Mail ***@example.com.", 1),
        ("4111-1111-1111-1111", "************1111", 1),
        ("a@b.org and 5500 0000 0000 0004!", "***@b.org and ************0004!", 2),
        ("4111 1111 1111 1112", "4111 1111 1111 1112", 0),
        ("call 0123 456", "call 0123 456", 0),
        ("a@b", "a@b", 0),
    ],
)
def test_personal_data_is_taken_out(text: str, wanted: str, found: int) -> None:
    assert model().redact(text) == (wanted, found)


def test_a_batch_of_text_keeps_its_shape() -> None:
    answer = model(sign="x").predict({"text": np.array([[b"a@b.org"], [b"-"]], object)})
    assert answer["redacted"].tolist() == [["xxx@b.org"], ["-"]]
    assert answer["found"].tolist() == [[1], [0]]
    assert answer["found"].dtype == np.int32


def test_bytes_that_are_no_text_are_the_clients_fault() -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        model().predict({"text": np.array([[b"\xff"]], object)})


def test_similar_pairs_must_be_nearer_than_all_others() -> None:
    vectors = {"a": np.array([1, 0], np.float32), "b": np.array([0.6, 0.8], np.float32)}
    pair = sentences.Pair("a", "b", is_paraphrase=True)
    assert sentences.similarities([pair], vectors) == pytest.approx([0.6])
    other = sentences.Pair("a", "a", is_paraphrase=False)
    assert sentences.mistakes([pair, other], [0.6, 0.6]) == [True, True]


SCORES = np.array([0.1, 0.7, 0.2], np.float32)
LABELS = ("cat", "dog", "horse")
RANKED = [["0.700000", "1", "dog"], ["0.200000", "2", "horse"], ["0.100000", "0", "cat"]]


def test_a_ranking_is_right_with_the_best_classes_and_their_labels() -> None:
    assert acts.is_ranking(RANKED, SCORES, LABELS)
    assert not acts.is_ranking(RANKED[:2], SCORES, LABELS)
    assert not acts.is_ranking(RANKED[::-1], SCORES, LABELS)
    assert not acts.is_ranking([one[:2] for one in RANKED], SCORES, LABELS)
    assert not acts.is_ranking([["0.7", "1", "cat"], *RANKED[1:]], SCORES, LABELS)
    assert not acts.is_ranking([["0.6", "1", "dog"], *RANKED[1:]], SCORES, LABELS)


def test_what_is_missing_is_told_with_its_size_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    found = downloads.missing(tmp_path, [tmp_path])
    assert found == [downloads.TORCH, *downloads.WHEELS, downloads.SPEAKER]
    told = downloads.told(found, tmp_path)
    assert told.splitlines()[0].endswith("downloads 295 MB or more, once:")
    assert downloads.TORCH_WITH_CUDA in told

    (tmp_path / "torch").mkdir()
    tmp_path.joinpath(downloads.STAMP).touch()
    programs.joinpath("espeak-ng").touch(mode=0o755)
    assert downloads.missing(tmp_path, [tmp_path]) == []
    assert "nothing to download" in downloads.told([], tmp_path)


def test_the_wheels_that_are_told_are_those_that_are_fetched() -> None:
    told = [one.name.replace(" ", "==") for one in downloads.WHEELS]
    assert told == [wheel.requirement for wheel in assets.WHEELS]


def test_the_models_are_kept_where_all_backends_keep_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from runtime.backends.onnx_cache import default_folder

    for base in (str(tmp_path), ""):
        monkeypatch.setenv("XDG_CACHE_HOME", base)
        assert downloads.folder() == default_folder() / "demo-models"


def test_files_are_complete_only_with_the_stamp_of_these_wheels(tmp_path: Path) -> None:
    files = assets.Assets(tmp_path)
    for wheel in assets.WHEELS:
        for place in wheel.members.values():
            wheels.write(tmp_path / place, b"something")
    assert not files.complete
    wheels.write(tmp_path / downloads.STAMP, wheels.stamp(wheels.WHEELS))
    assert not files.complete
    wheels.write(tmp_path / downloads.STAMP, wheels.stamp(assets.WHEELS))
    assert files.complete
    assert assets.obtain(tmp_path) == files
    files.vocabulary.unlink()
    assert not files.complete


@pytest.mark.parametrize(
    "text",
    [assets.VAD_ONNX, assets.VAD_SCRIPT, assets.VAD_WHOLE, assets.MINILM, assets.MINILM_PT2,
     assets.REDACT],
)  # fmt: skip
def test_what_stands_beside_a_model_can_be_read(text: str) -> None:
    from runtime.models.leeboard_yaml import validated

    assert validated(text).max_batch_size in {0, 32, 64}
