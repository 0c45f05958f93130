"""The sentence encoder all-MiniLM-L6-v2 as a PyTorch module: a small BERT and a mean.

Served with ``module: runtime.testing.demo_models.minilm:build`` beside its weights in
safetensors. The attributes are named as the weights are, so the file fits as it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 384
HEADS = 12
LAYERS = 6
INNER = 1536
VOCABULARY = 30522
POSITIONS = 512
EPSILON = 1e-12
MASKED = -1e9
"""Added to the score of a token that is padding; finite, so that no row becomes NaN."""


class Embeddings(nn.Module):
    """Looks up tokens and positions: INT64 [N, L] -> FP32 [N, L, 384]."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, SIZE)
        self.position_embeddings = nn.Embedding(POSITIONS, SIZE)
        self.token_type_embeddings = nn.Embedding(2, SIZE)
        self.LayerNorm = nn.LayerNorm(SIZE, EPSILON)
        self.register_buffer("position_ids", torch.arange(POSITIONS).unsqueeze(0))

    def forward(self, input_ids: Tensor) -> Tensor:
        """Return the sum of what a token, its place and the first segment mean."""
        places = self.position_embeddings.weight[: input_ids.shape[1]]
        segment = self.token_type_embeddings.weight[0]
        normed: Tensor = self.LayerNorm(self.word_embeddings(input_ids) + places + segment)
        return normed


class SelfAttention(nn.Module):
    """Attention of each token to all tokens that are not padding."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(SIZE, SIZE)
        self.key = nn.Linear(SIZE, SIZE)
        self.value = nn.Linear(SIZE, SIZE)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """Return [N, L, 384]; `bias` [N, 1, 1, L] is added to the scores."""

        def heads(values: Tensor) -> Tensor:
            apart = values.reshape(*values.shape[:2], HEADS, SIZE // HEADS)
            return apart.transpose(1, 2)

        query, key, value = self.query(hidden), self.key(hidden), self.value(hidden)
        mixed = functional.scaled_dot_product_attention(
            heads(query), heads(key), heads(value), attn_mask=bias
        )
        return mixed.transpose(1, 2).flatten(2)


class Project(nn.Module):
    """A dense layer, added to what went around it, and normalised."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, SIZE)
        self.LayerNorm = nn.LayerNorm(SIZE, EPSILON)

    def forward(self, hidden: Tensor, around: Tensor) -> Tensor:
        """Return [N, L, 384]."""
        added: Tensor = self.LayerNorm(self.dense(hidden) + around)
        return added


class Attention(nn.Module):
    """Self-attention and its projection."""

    def __init__(self) -> None:
        super().__init__()
        self.self = SelfAttention()
        self.output = Project(SIZE)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """Return [N, L, 384]."""
        mixed: Tensor = self.output(self.self(hidden, bias), hidden)
        return mixed


class Intermediate(nn.Module):
    """The wide layer of a block."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(SIZE, INNER)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [N, L, 1536]."""
        return functional.gelu(self.dense(hidden))


class Block(nn.Module):
    """One of the encoder's six layers."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.intermediate = Intermediate()
        self.output = Project(INNER)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """Return [N, L, 384]."""
        attended = self.attention(hidden, bias)
        made: Tensor = self.output(self.intermediate(attended), attended)
        return made


class Encoder(nn.Module):
    """The blocks, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Block() for _ in range(LAYERS))

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """Return [N, L, 384]."""
        for block in self.layer:
            hidden = block(hidden, bias)
        return hidden


class Pooler(nn.Module):
    """A layer that the weights hold and that sentence embeddings do not use."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(SIZE, SIZE)


class MiniLM(nn.Module):
    """Sentences as tokens -> one vector of length 1 each, near for near meanings."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = Embeddings()
        self.encoder = Encoder()
        self.pooler = Pooler()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return FP32 [N, 384] for INT64 [N, L] each; the mask is 0 where padding is."""
        mask = attention_mask.to(torch.float32)
        bias = (1.0 - mask)[:, None, None, :] * MASKED
        hidden = self.encoder(self.embeddings(input_ids), bias)
        kept = mask.unsqueeze(-1)
        mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1.0)
        return functional.normalize(mean, dim=1)


def build() -> nn.Module:
    """Return the module without its weights."""
    return MiniLM()
