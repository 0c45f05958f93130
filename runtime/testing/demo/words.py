"""Asks the text recogniser what stands in an image: renders words and reads its answer.

The recogniser takes images 48 pixels high and of any width and answers, for each eighth
column, how likely each character of its alphabet is. The alphabet stands in the model file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

HEIGHT = 48
FONT_SIZE = 36
MARGIN = 12
STEP = 80
"""Widths are multiples of this, so that some images have the same shape."""

PAPER = (255, 255, 255)
INK = (20, 20, 60)
BLANK = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, and the mean likelihood of its characters."""

    text: str
    confidence: float


def render(text: str, width: int | None = None) -> Image.Image:
    """Return an image of the text, as wide as needed or exactly that wide."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(FONT_SIZE)
    if width is None:
        width = -(-int(font.getlength(text) + 2 * MARGIN) // STEP) * STEP
    image = Image.new("RGB", (width, HEIGHT), PAPER)
    place = (MARGIN, HEIGHT // 2)
    ImageDraw.Draw(image).text(place, text, fill=INK, font=font, anchor="lm")
    return image


def normalise(image: Image.Image) -> npt.NDArray[np.float32]:
    """Return one row of the model's input: blue, green and red planes from -1 to 1."""
    pixels = np.asarray(image, np.float32)[:, :, ::-1]
    planes = (pixels / 255 - 0.5) / 0.5
    return np.ascontiguousarray(planes.transpose(2, 0, 1)[np.newaxis], np.float32)


def read_alphabet(model: Path) -> tuple[str, ...]:
    """Return the characters by the index of their score; the blank's is an empty text."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    written = session.get_modelmeta().custom_metadata_map["character"]
    return alphabet(written)


def alphabet(written: str) -> tuple[str, ...]:
    r"""Return the characters of a list, one a line, a blank before and a space after.

    Examples
    --------
    >>> alphabet("a\nb")
    ('', 'a', 'b', ' ')
    """
    return ("", *written.split("\n"), " ")


def decode(scores: npt.NDArray[np.float32], characters: tuple[str, ...]) -> Reading:
    """Return the likeliest text of one image, from scores of shape [columns, characters].

    The best character of each column; runs of one character count once, and the blank
    stands between two equal letters. Spaces at the ends are the image's margins.
    """
    if scores.shape[1] != len(characters):
        raise ValueError(f"{scores.shape[1]} scores for {len(characters)} characters")
    best = scores.argmax(axis=1)
    starts = np.r_[True, best[1:] != best[:-1]]
    kept = starts & (best != BLANK)
    text = "".join(characters[index] for index in best[kept]).strip()
    likely = scores.max(axis=1)[kept]
    return Reading(text, float(likely.mean()) if likely.size else 0.0)
