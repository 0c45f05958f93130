"""Profiles of tensors: counts, moments and sketches of every feature, in C++."""

from collections.abc import Sequence
from typing import Any, final

import numpy.typing as npt

from runtime.native.profiled import Category, Profiled

@final
class TensorProfile:
    """What the rows of one tensor look like.

    `kind` is one of profile_options.KINDS, `features` the values in a row. `edges` are
    features x at most 32, ascending in each row; `ranges` and `histogram` are pairs
    (low, high) of a value per feature. `quantiles` asks for a sketch with 1.6 % relative
    error (16 KiB per feature); `categories`, of whole kinds only, for the top values and
    the number of different ones (16 KiB per feature); `known` are values per feature, at
    most 128, that are always counted exactly.

    Results do not depend on how rows are cut into batches, ordered or merged: counts are
    equal, moments agree to 1e-9. NaN and infinities are counted apart. Raises ProfileError
    when the options cannot be.

    One thread at a time: another's call raises ValueError while one adds.
    """

    def __init__(
        self,
        kind: str,
        features: int,
        *,
        edges: npt.ArrayLike | None = None,
        ranges: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        histogram: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        quantiles: bool = False,
        categories: bool = False,
        known: Sequence[Sequence[int]] | None = None,
    ) -> None: ...
    def add(self, rows: npt.NDArray[Any] | bytes | bytearray | memoryview) -> None:
        """Add packed rows of any C-contiguous buffer, without the GIL.

        ProfileError when the bytes are no whole rows; their type is not looked at.
        """
    def merge(self, other: TensorProfile) -> None:
        """Add what `other` has counted; ProfileError when its options differ."""
    def fresh(self) -> TensorProfile:
        """Return an empty profile with the same options."""
    def to_bytes(self) -> bytes:
        """Return version, options, counts and a checksum."""
    @staticmethod
    def from_bytes(data: bytes) -> TensorProfile:
        """Return what to_bytes wrote; ProfileError for anything else."""
    @property
    def kind(self) -> str: ...
    @property
    def features(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def state_bytes(self) -> int:
        """About how much memory the state takes."""
    @property
    def simd(self) -> str:
        """The instructions in use: portable, avx2 or avx512."""
    def read(self) -> Profiled:
        """Return counts and moments of all features."""
    def quantile(self, feature: int, q: float) -> float:
        """Return the value with a share `q` of the finite ones at or below it.

        NaN without values or without a sketch.
        """
    def categories(self, feature: int) -> tuple[list[Category], int, int]:
        """Return values by falling count, how many are in no count, and the error.

        The error is the most by which a count of a value that is not known is short.
        """
    def distinct(self, feature: int) -> float:
        """Return about how many different values there were (standard error 1.6 %)."""
