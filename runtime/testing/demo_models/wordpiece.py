"""Cuts sentences into the tokens of an uncased BERT vocabulary.

Text is cleaned, lower-cased and stripped of accents; punctuation and CJK characters stand
alone; each word is cut greedily into its longest known pieces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

START, END, UNKNOWN, PADDING = "[CLS]", "[SEP]", "[UNK]", "[PAD]"
INSIDE = "##"
LONGEST_WORD = 100
DROPPED = {"Cc", "Cf", "Co"}
CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)

Ids = npt.NDArray[np.int64]


def read_vocabulary(path: Path) -> dict[str, int]:
    """Return each token's number: its line, from 0."""
    return {token: line for line, token in enumerate(path.read_text("utf-8").splitlines())}


def stands_alone(character: str) -> bool:
    """Tell whether a character is a word by itself.

    ASCII symbols such as ``$`` count as punctuation, although Unicode says otherwise.

    Examples
    --------
    >>> [stands_alone(c) for c in "a!$"]
    [False, True, True]
    """
    code = ord(character)
    is_ascii_symbol = 33 <= code <= 126 and not character.isalnum()
    is_cjk = any(first <= code <= last for first, last in CJK)
    return is_ascii_symbol or is_cjk or unicodedata.category(character).startswith("P")


def cleaned(text: str) -> str:
    """Return text in lower case without accents and control characters."""
    kept = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in DROPPED
        if character != "\N{REPLACEMENT CHARACTER}"
    )
    apart = unicodedata.normalize("NFD", "".join(kept).lower())
    return "".join(c for c in apart if unicodedata.category(c) != "Mn")


def words(text: str) -> list[str]:
    """Return the words of a text.

    Examples
    --------
    >>> words("Déjà vu, isn't it?")
    ['deja', 'vu', ',', 'isn', "'", 't', 'it', '?']
    """
    spaced = (f" {c} " if stands_alone(c) else c for c in cleaned(text))
    return "".join(spaced).split()


class Tokenizer:
    """Numbers of a vocabulary's tokens for sentences."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self._numbers = vocabulary

    def tokens(self, sentence: str) -> list[str]:
        """Return a sentence's tokens, without those for its ends."""
        return [piece for word in words(sentence) for piece in self._pieces(word)]

    def batch(self, sentences: Sequence[str], length: int | None = None) -> tuple[Ids, Ids]:
        """Return token numbers and mask, INT64 [N, L]; the mask is 0 for padding.

        L is that of the longest sentence, or `length`, to which longer ones are cut.
        """
        rows = [[START, *self.tokens(sentence)] for sentence in sentences]
        if length is not None:
            rows = [row[: length - 1] for row in rows]
        width = length or max((len(row) + 1 for row in rows), default=0)
        ids = np.full((len(rows), width), self._numbers[PADDING], np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for number, row in enumerate(rows):
            numbers = [self._numbers[token] for token in [*row, END]]
            ids[number, : len(numbers)] = numbers
            mask[number, : len(numbers)] = 1
        return ids, mask

    def _pieces(self, word: str) -> Iterator[str]:
        """Yield the longest known pieces of a word, or one token for an unknown word."""
        pieces: list[str] = []
        start = 0
        while start < len(word) <= LONGEST_WORD:
            prefix = INSIDE if start else ""
            ends = range(len(word), start, -1)
            end = next((e for e in ends if prefix + word[start:e] in self._numbers), None)
            if end is None:
                break
            pieces.append(prefix + word[start:end])
            start = end
        yield from pieces if start == len(word) else [UNKNOWN]
