"""Makes sound with known stretches of speech: sentences by espeak-ng, noise around them.

espeak-ng speaks at 22,050 Hz; the detector listens at 16,000.
"""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

from runtime.errors import LeeboardError

RATE = 16_000
SPEAK_LIMIT_S = 60.0
HUM = 0.002
"""Standard deviation of the noise beneath everything; speech has about 0.1."""

LOUD_NOISE = 0.05
QUIET = 0.01
"""Samples nearer to zero than this are silence at the ends of a sentence."""

ZERO_CROSSINGS = 16
Sound = npt.NDArray[np.float32]


class SpeechError(LeeboardError):
    """espeak-ng is not here or cannot speak; a person can install it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a sound, from and to in seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A sound at 16 kHz, and where in it somebody speaks."""

    sound: Sound
    spoken: tuple[Stretch, ...]


def speak(sentence: str) -> Sound:
    """Return a sentence as espeak-ng says it, at 16 kHz, from -1 to 1.

    Raises SpeechError with what to do where espeak-ng is not installed.
    """
    command = ["espeak-ng", "-v", "en", "-s", "150", "--stdout", sentence]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, timeout=SPEAK_LIMIT_S
        )
    except FileNotFoundError as error:
        raise SpeechError(
            "espeak-ng is not installed: run apt-get (or dnf) install espeak-ng"
        ) from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip() or "nothing"
        raise SpeechError(f"espeak-ng ended with status {done.returncode} and said: {said}")
    return trimmed(resample(*read_wave(done.stdout), RATE))


def read_wave(content: bytes) -> tuple[Sound, int]:
    """Return the samples of a 16-bit mono WAVE file from -1 to 1, and their rate."""
    with wave.open(io.BytesIO(content)) as file:
        if (file.getsampwidth(), file.getnchannels()) != (2, 1):
            raise SpeechError("espeak-ng gave something else than 16-bit mono sound")
        rate = file.getframerate()
    # A pipe's header cannot know the length: the samples are all that follows it.
    start = content.index(b"data") + 8
    samples = np.frombuffer(content[start : len(content) - len(content) % 2], "<i2")
    return (samples / 32768.0).astype(np.float32), rate


def resample(sound: Sound, rate: int, wanted: int) -> Sound:
    """Return a sound at another rate: a windowed sinc, cut off below both rates' halves.

    A sample at time t is the sum of those within 16 zero crossings of the kernel around t.
    """
    if rate == wanted:
        return sound
    factor = gcd(rate, wanted)
    up, down = wanted // factor, rate // factor
    cutoff = min(1.0, wanted / rate)
    reach = int(np.ceil(ZERO_CROSSINGS / cutoff))
    length = -(-len(sound) * up // down)
    at = np.arange(length) * down
    nearest, phase = at // up, (at % up) / up
    taps = np.arange(-reach + 1, reach + 1)
    distance = taps[np.newaxis, :] - phase[:, np.newaxis]
    window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / reach, -1.0, 1.0))
    kernel = cutoff * np.sinc(cutoff * distance) * window
    padded = np.pad(sound.astype(np.float64), reach)
    around = padded[nearest[:, np.newaxis] + taps[np.newaxis, :] + reach]
    made: Sound = np.einsum("nt,nt->n", around, kernel).astype(np.float32)
    return made


def trimmed(sound: Sound) -> Sound:
    """Return a sound without the silence at its ends."""
    loud = np.flatnonzero(np.abs(sound) > QUIET)
    return sound[loud[0] : loud[-1] + 1] if loud.size else sound[:0]


def scene(sentences: Sequence[Sound], rng: np.random.Generator) -> Scene:
    """Return sentences with two seconds of near silence, then of loud noise, around each.

    Noise is louder before every second sentence than speech is soft, but it is not speech.
    """
    parts: list[Sound] = []
    spoken: list[Stretch] = []
    at = 0
    for number, sentence in enumerate([*sentences, np.zeros(0, np.float32)]):
        level = LOUD_NOISE if number % 2 else HUM
        gap = rng.normal(0.0, level, 2 * RATE).astype(np.float32)
        parts += [gap, sentence]
        at += len(gap)
        if len(sentence):
            spoken.append(Stretch(at / RATE, (at + len(sentence)) / RATE))
        at += len(sentence)
    hum = rng.normal(0.0, HUM, at).astype(np.float32)
    return Scene(np.concatenate(parts) + hum, tuple(spoken))
