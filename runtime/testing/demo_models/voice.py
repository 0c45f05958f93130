"""Finds speech with Silero's detector: 32 ms at a time, each with the state of the last.

The network answers how likely the newest 512 samples are speech, and with a state that the
next question must bring back; so a recording is asked chunk by chunk, in order, while the
server keeps nothing. It also wants the last 64 samples of the chunk before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from runtime.testing.demo_models.speech import RATE, Sound, Stretch

CHUNK = 512
CONTEXT = 64
STATE = (2, 1, 128)
SPEECH = 0.5
"""As likely as this, a chunk begins speech."""

STILL_SPEECH = 0.35
"""Less likely than this, a chunk may end it."""

SHORTEST_PAUSE = 10
"""Chunks: a pause shorter than this belongs to the speech around it."""

Probabilities = npt.NDArray[np.float32]
Detector = Callable[[Sound, npt.NDArray[np.float32]], tuple[float, npt.NDArray[np.float32]]]
"""[1, 576] samples and the state -> how likely speech is, and the next state."""


def listen(sound: Sound, detect: Detector) -> Probabilities:
    """Return how likely each chunk of a sound is speech."""
    chunks = -(-len(sound) // CHUNK)
    padded = np.zeros(CONTEXT + chunks * CHUNK, np.float32)
    padded[CONTEXT : CONTEXT + len(sound)] = sound
    state = np.zeros(STATE, np.float32)
    found = np.zeros(chunks, np.float32)
    for number in range(chunks):
        start = number * CHUNK
        heard = padded[np.newaxis, start : start + CONTEXT + CHUNK]
        found[number], state = detect(heard, state)
    return found


def stretches(probabilities: Probabilities) -> tuple[Stretch, ...]:
    """Return where speech is: from a likely chunk to the first of a long unlikely run."""
    found: list[tuple[int, int]] = []
    start: int | None = None
    last = 0
    for number, likely in enumerate([*probabilities.tolist(), *[0.0] * SHORTEST_PAUSE]):
        if likely >= (SPEECH if start is None else STILL_SPEECH):
            start = number if start is None else start
            last = number
        elif start is not None and number - last >= SHORTEST_PAUSE:
            found.append((start, last + 1))
            start = None
    seconds = CHUNK / RATE
    return tuple(Stretch(begin * seconds, end * seconds) for begin, end in found)


def agree(
    found: tuple[Stretch, ...], spoken: tuple[Stretch, ...], allowed_s: float
) -> bool:
    """Tell whether two lists of stretches are the same ones, up to so many seconds."""
    return len(found) == len(spoken) and all(
        abs(a.start_s - b.start_s) <= allowed_s and abs(a.end_s - b.end_s) <= allowed_s
        for a, b in zip(found, spoken, strict=True)
    )
