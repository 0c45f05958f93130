"""A Python class as a model: takes personal data out of text before it is stored.

Served from ``model.py``. Text in, text out: addresses lose the part before the ``@``, and
payment card numbers all digits but the last four. A number is a card's when its check digit
says so, so order numbers stay.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from runtime.errors import InputError

ADDRESS = re.compile(r"[\w.+-]+@(?=[\w-]+\.[\w.-]+)")
DIGITS = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
SHOWN = 4


def is_card(digits: str) -> bool:
    """Tell whether the last of these digits is a payment card's check digit.

    From the right, every second digit counts twice, and the sum of all digits of these
    numbers must end in 0.

    Examples
    --------
    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    twice = [int(d) * 2 for d in digits[-2::-2]]
    total = sum(map(int, digits[-1::-2])) + sum(n - 9 if n > 9 else n for n in twice)
    return total % 10 == 0


class Model:
    """Rows of text -> the same rows without personal data, and how much was found."""

    def load(self, context: Any) -> None:  # noqa: ANN401 - whatever the server gives
        """Take the sign that hides a digit from the model's options."""
        self._sign: str = context.options.get("sign", "*")

    def predict(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return `redacted`, BYTES, and `found`, INT32, both of the text's shape.

        Raises InputError for bytes that are no UTF-8: the client's to mend.
        """
        text = batch["text"]
        redacted = np.empty(text.shape, object)
        found = np.zeros(text.shape, np.int32)
        for place in np.ndindex(text.shape):
            redacted[place], found[place] = self.redact(decoded(text[place]))
        return {"redacted": redacted, "found": found}

    def redact(self, text: str) -> tuple[str, int]:
        """Return a text without personal data, and how many pieces of it there were."""
        cards = 0

        def hidden(number: re.Match[str]) -> str:
            nonlocal cards
            digits = re.sub(r"\D", "", number[0])
            if not is_card(digits):
                return number[0]
            cards += 1
            return self._sign * (len(digits) - SHOWN) + digits[-SHOWN:]

        text, addresses = ADDRESS.subn(f"{self._sign * 3}@", text)
        text = DIGITS.sub(hidden, text)
        return text, addresses + cards


def decoded(text: bytes) -> str:
    """Return bytes as text; raises InputError for bytes that are none."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the text is not UTF-8: {error}") from error
