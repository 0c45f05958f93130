"""The sampling hash: known answers of xxHash64, shares that contain each other."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.monitor import sampling

# Of the bytes 0, 1, 2 ... by the reference library: length, seed 0, seed 20261123.
KNOWN = (
    (0, 0xEF46DB3751D8E999, 0xC1D0BBC198F9C0C5),
    (1, 0xE934A84ADB052768, 0x3F9C7312312C2BCF),
    (3, 0xE5C7BB4533BC65DD, 0x7C63C3E0DFA1839D),
    (4, 0xFFCED8604453CC1E, 0x6EBED331902C7117),
    (7, 0x14CC643F630C72D2, 0x8CC1E042637111A6),
    (8, 0x884A173614B81B8D, 0x976B7B71A2F013B5),
    (11, 0x652A564A95365ACA, 0xDAA9CED5A1981351),
    (12, 0x424AF23F1F08DCA5, 0xCBD8CA9ADBEEC96A),
    (31, 0xC346D2B59B4D8EE1, 0x527A169FB466649A),
    (32, 0xCBF59C5116FF32B4, 0x134705A5701EC11F),
    (33, 0x0C535D1ACAFB8EAD, 0xDBB7AF64B23CD15F),
    (63, 0xE26AA9E2A95F8E4F, 0x74DF19D707C8198C),
    (64, 0xF7C67301DB6713F0, 0x864ED81CCF52462A),
    (100, 0x6AC1E58032166597, 0xE064055178383159),
)


@pytest.mark.parametrize(("length", "plain", "seeded"), KNOWN)
def test_hashes_are_those_of_the_reference(length: int, plain: int, seeded: int) -> None:
    content = bytes(range(length))
    assert sampling.hash64(content) == plain
    assert sampling.hash64(content, 20_261_123) == seeded


def test_texts_are_hashed_as_utf8() -> None:
    assert sampling.hash64(b"request-7") == 0x34200215464C71E4
    assert sampling.place_of("ünïcode") == (0xAFF510094968E696 >> 11) / 2**53
    assert 0.0 <= sampling.place_of("\ud800") < 1.0


def test_a_share_of_the_ids_is_sampled_and_a_larger_share_contains_it() -> None:
    ids = [f"request-{number}" for number in range(20_000)]
    tenth, half = sampling.sampled(ids, 0.1), sampling.sampled(ids, 0.5)
    assert tenth.mean() == pytest.approx(0.1, abs=0.01)
    assert half.mean() == pytest.approx(0.5, abs=0.02)
    assert not np.any(tenth & ~half)
    assert tenth.tolist() == [sampling.is_sampled(each, 0.1) for each in ids]


def test_all_and_none_are_shares() -> None:
    assert sampling.sampled(["", "a", "b"], 1.0).all()
    assert not sampling.sampled(["", "a", "b"], 0.0).any()
