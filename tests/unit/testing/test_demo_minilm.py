"""MiniLM's module, with weights of chance: its names, its padding and its vectors."""

from __future__ import annotations

import torch

from runtime.testing.demo_models import minilm

IDS = torch.tensor([[101, 2000, 3000, 102]])


def module() -> torch.nn.Module:
    torch.manual_seed(0)
    return minilm.build().eval()


def test_padding_changes_no_vector_and_each_has_length_one() -> None:
    made = module()
    padded = torch.cat([IDS, torch.tensor([[7, 8]])], dim=1)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0]])
    with torch.inference_mode():
        alone = made(IDS, torch.ones_like(IDS))
        beside = made(padded.repeat(2, 1), mask.repeat(2, 1))
        nothing = made(IDS, torch.zeros_like(IDS))
    assert alone.shape == (1, minilm.SIZE)
    torch.testing.assert_close(alone.norm(dim=1), torch.ones(1))
    torch.testing.assert_close(beside, alone.repeat(2, 1), rtol=1e-5, atol=1e-6)
    assert nothing.isfinite().all()


def test_another_token_or_another_place_is_another_vector() -> None:
    made = module()
    other, turned = IDS.clone(), IDS[:, [0, 2, 1, 3]]
    other[0, 1] = 2001
    with torch.inference_mode():
        vectors = made(torch.cat([IDS, other, turned]), torch.ones(3, 4, dtype=torch.int64))
    assert (vectors[1] - vectors[0]).abs().max() > 1e-3
    assert (vectors[2] - vectors[0]).abs().max() > 1e-3


def test_the_weights_have_the_names_of_the_published_file() -> None:
    state = module().state_dict()
    assert len(state) == 104
    assert state["embeddings.position_ids"].shape == (1, 512)
    assert state["encoder.layer.5.attention.self.query.weight"].shape == (384, 384)
    assert state["encoder.layer.0.intermediate.dense.bias"].shape == (1536,)
    assert state["encoder.layer.3.output.LayerNorm.weight"].shape == (384,)
    assert "pooler.dense.weight" in state
