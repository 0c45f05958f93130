"""The demo itself, part by part; a part returns what was not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from runtime.backends.base import Array
from runtime.errors import InputError
from runtime.testing.demo import filetypes, questions, show
from runtime.testing.demo.acts import ask_about_files
from runtime.testing.demo.questions import Question
from runtime.testing.demo_models import sentences, speech, voice
from runtime.testing.demo_models.asking import ask
from runtime.testing.demo_models.assets import Assets
from runtime.testing.demo_models.wordpiece import Tokenizer, read_vocabulary

if TYPE_CHECKING:
    import tritonclient.grpc as triton

BEST = 3
SEED = 20_261_123
SPOKEN = (
    "A leeboard is lowered to stop a barge from drifting sideways.",
    "There are two of them.",
    "They are swapped at every tack.",
)
HEARD_WITHIN_S = 0.25
"""How far from the spoken stretch a found one may begin and end: eight chunks."""

AGREE_WITHIN = 1e-3
"""How far apart the likelihoods of the two detectors may be."""

REFUSED = "vad_whole"
REFUSED_BY = "parity"

TEXTS = (
    ("Mail ann.lee@example.com, or call.", "Mail xxx@example.com, or call.", 1),
    ("Card 4111 1111 1111 1111, thanks", "Card xxxxxxxxxxxx1111, thanks", 1),
    ("Order 4111 1111 1111 1112 is late", "Order 4111 1111 1111 1112 is late", 0),
    ("Nothing to see here.", "Nothing to see here.", 0),
)

Sound = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stage:
    """What every part stands on: a client of the running server, and the files."""

    client: triton.InferenceServerClient
    assets: Assets


def about_files(assets: Assets) -> list[Question]:
    """Return questions for magika: files of this repository, and what they are."""
    config = filetypes.read_config(assets.magika_config)
    rows = [
        filetypes.features(questions.ROOT.joinpath(name).read_bytes(), config)[np.newaxis]
        for name, _ in questions.REPOSITORY_FILES
    ]
    cases = questions.answered("magika", assets.model("magika", "onnx"), rows)
    return [
        Question(name, label, case)
        for (name, label), case in zip(questions.REPOSITORY_FILES, cases, strict=True)
    ]


def what_files_are(stage: Stage, asked: list[Question]) -> list[str]:
    """Ask the ONNX file."""
    config = filetypes.read_config(stage.assets.magika_config)
    types = filetypes.read_content_types(stage.assets.content_types)
    return ask_about_files(stage.client, asked, config, types)


def which_classes(stage: Stage, asked: list[Question]) -> list[str]:
    """Ask the same network in Triton's layout for its best classes, by their labels."""
    labels = filetypes.read_config(stage.assets.magika_config).labels
    rows, problems = [], []
    for question in asked:
        given = {question.case.input: question.case.values}
        output = question.case.output
        answer = ask(stage.client, "filetype", given, {output: BEST})[output][0]
        said = [text.decode().split(":") for text in answer]
        right = is_ranking(said, question.case.expected[0], labels)
        told = [f"{one[-1]} {float(one[0]):.3f}" for one in said]
        rows.append((question.about, *told, show.verdict(right)))
        problems += [] if right else [f"filetype: {said} for {question.about}"]
    show.answers(("file", "first", "second", "third", ""), rows)
    return problems


def is_ranking(said: list[list[str]], scores: Array, labels: tuple[str, ...]) -> bool:
    """Tell whether "value:index:label" name the best scores, best first."""
    order = np.argsort(-scores, kind="stable")[:BEST]
    if [len(one) for one in said] != [3] * BEST:
        return False
    return all(
        labels[int(index)] == label
        and np.isclose(float(value), scores[best], atol=1e-4)
        and np.isclose(scores[int(index)], scores[best], atol=1e-4)
        for (value, index, label), best in zip(said, order, strict=True)
    )


def where_speech_is(stage: Stage, scene: speech.Scene) -> list[str]:
    """Have both detectors listen, and compare them with what was spoken and each other."""
    heard = {
        "vad_onnx": voice.listen(scene.sound, onnx_detector(stage.client)),
        "vad_script": voice.listen(scene.sound, script_detector(stage.client)),
    }
    rows = [("spoken", seconds(scene.spoken), "", "")]
    problems = []
    for name, likely in heard.items():
        found = voice.stretches(likely)
        right = voice.agree(found, scene.spoken, HEARD_WITHIN_S)
        asked = f"{len(likely)} chunks"
        rows.append((name, seconds(found), asked, show.verdict(right)))
        problems += [] if right else [f"{name} heard {seconds(found)}"]
    show.answers(("", "seconds", "asked", ""), rows)
    apart = float(np.abs(heard["vad_onnx"] - heard["vad_script"]).max())
    right = apart <= AGREE_WITHIN
    show.console.print(f"the two are at most {apart:.1e} apart  {show.verdict(right)}")
    return [*problems, *([] if right else [f"the detectors are {apart} apart"])]


def seconds(stretches: tuple[speech.Stretch, ...]) -> str:
    """Return stretches as a person reads them.

    Examples
    --------
    >>> seconds((speech.Stretch(2.0, 5.58), speech.Stretch(7.0, 8.0)))
    '2.0 - 5.6, 7.0 - 8.0'
    """
    return ", ".join(f"{s.start_s:.1f} - {s.end_s:.1f}" for s in stretches) or "nothing"


def onnx_detector(client: triton.InferenceServerClient) -> voice.Detector:
    """Return the ONNX file's detector; it is told the rate."""
    rate: Array = np.array(speech.RATE, np.int64)

    def detect(heard: Sound, state: Sound) -> tuple[float, Sound]:
        given = {"input": heard, "state": state, "sr": rate}
        answer = ask(client, "vad_onnx", given)
        return float(answer["output"][0, 0]), answer["stateN"]

    return detect


def script_detector(client: triton.InferenceServerClient) -> voice.Detector:
    """Return the TorchScript file's detector, which is for 16 kHz only."""

    def detect(heard: Sound, state: Sound) -> tuple[float, Sound]:
        answer = ask(client, "vad_script", {"x": heard, "state": state})
        return float(answer["speech"][0, 0]), answer["next_state"]

    return detect


def what_sentences_mean(stage: Stage) -> list[str]:
    """Ask for sentences' vectors from both MiniLMs and compare pairs of sentences."""
    pairs = sentences.PAIRS
    asked = sorted({s for pair in pairs for s in (pair.one, pair.other)})
    ids, mask = Tokenizer(read_vocabulary(stage.assets.vocabulary)).batch(asked)
    bare = sentences.run_bare(stage.assets.model("minilm", "safetensors"), ids, mask)
    given = {"input_ids": ids, "attention_mask": mask}
    vectors = ask(stage.client, "minilm", given)["embedding"]
    near = sentences.similarities(pairs, dict(zip(asked, vectors, strict=True)))
    judged = zip(pairs, near, sentences.mistakes(pairs, near), strict=True)
    rows, problems = [], []
    for pair, number, is_wrong in sorted(judged, key=lambda one: -one[1]):
        meaning = "same" if pair.is_paraphrase else "other"
        verdict = show.verdict(not is_wrong)
        rows.append((f"{number:.2f}", pair.one, pair.other, meaning, verdict))
        problems += [f"minilm: {pair.one!r}, {pair.other!r}: {number}"] if is_wrong else []
    show.answers(("near", "", "", "meaning", ""), rows)
    for name, output in (("minilm", "embedding"), ("minilm_pt2", "OUTPUT__0")):
        made = ask(stage.client, name, given)[output]
        apart = float(np.abs(made - bare).max())
        right = apart <= sentences.ALLOWED
        show.console.print(
            f"{name}: values at most {apart:.1e} from the file run bare  "
            f"{show.verdict(right)}"
        )
        problems += [] if right else [f"{name} is {apart} away from the file run bare"]
    return problems


def what_is_redacted(stage: Stage) -> list[str]:
    """Send texts to the Python class, all in one request, and bytes that are no text."""
    texts = np.array([[text.encode()] for text, _, _ in TEXTS], object)
    answer = ask(stage.client, "redact", {"text": texts})
    rows, problems = [], []
    for place, (text, wanted, pieces) in enumerate(TEXTS):
        said = answer["redacted"][place, 0].decode()
        found = int(answer["found"][place, 0])
        right = (said, found) == (wanted, pieces)
        rows.append((text, said, str(found), show.verdict(right)))
        problems += [] if right else [f"redact: {text!r} became {said!r}, {found} found"]
    refused = refusal(stage, np.array([[b"caf\xe9"]], object))
    rows.append(("the bytes caf\\xe9", refused, "", show.verdict("UTF-8" in refused)))
    show.answers(("text", "redacted", "found", ""), rows)
    return [*problems, *([] if "UTF-8" in refused else [f"redact took {refused!r}"])]


def refusal(stage: Stage, text: Array) -> str:
    """Return what the server says to a text that is the client's fault, or the answer."""
    try:
        return str(ask(stage.client, "redact", {"text": text})["redacted"])
    except InputError as error:
        return str(error).partition("the text is ")[2] or str(error)


def what_is_refused(stage: Stage) -> list[str]:
    """Show why the shipped TorchScript file, which keeps a state, does not serve."""
    index: Any = stage.client.get_model_repository_index()
    (entry,) = [model for model in index.models if model.name == REFUSED]
    right = entry.state == "UNAVAILABLE" and REFUSED_BY in entry.reason
    show.answers(
        ("model", "state", "why", ""),
        [(REFUSED, entry.state, entry.reason, show.verdict(right))],
    )
    return [] if right else [f"{REFUSED} is {entry.state}: {entry.reason}"]
