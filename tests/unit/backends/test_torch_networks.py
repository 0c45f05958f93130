"""Programs of many kinds pass the gate and answer as they do in eager PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from runtime.backends.torch_export import export_backend
from tests.unit.backends.torch_calls import ask, loaded

AUTO = torch.export.Dim.AUTO


class Recurrent(nn.Module):
    """An LSTM, whose weights are tied into one argument list."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(4, 8, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.layer(x)[0]
        return answer


class Encoder(nn.Module):
    """A transformer of any length; its mask is a buffer with infinities."""

    mask: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.embedding = nn.Embedding(2, 16)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.register_buffer("mask", torch.full((16, 16), -torch.inf).triu(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.shape[1]
        mask = self.mask[:length, :length]
        answer: torch.Tensor = self.layers(self.embedding(x), mask=mask, is_causal=True)
        return answer


class Convolutional(nn.Module):
    """Convolution, normalisation, in-place ReLU, resizing."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.layers(x)
        return answer


class Branches(nn.Module):
    """Chooses by value, in the graph."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = torch.cond(
            x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,)
        )
        return answer


class Mixed(nn.Module):
    """Parts without gradients and with automatic mixed precision."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            y = self.layer(x)
        with torch.autocast("cpu", torch.bfloat16):
            z: torch.Tensor = self.layer(y)
        return z.float()


class Several(nn.Module):
    """Outputs of several datatypes, from a constant."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [torch.where(x > 0, x, torch.tensor(0.5)), x.argmax(-1), x > 0]


class Slices(nn.Module):
    """Takes parts whose sizes are computed from the input's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0], -1, 2)[:, : x.shape[1] // 4]


NETWORKS = {
    "recurrent": (Recurrent, torch.rand(3, 5, 4), (0,)),
    "encoder": (Encoder, torch.randint(0, 2, (3, 7)), (0, 1)),
    "convolutional": (Convolutional, torch.rand(3, 3, 8, 8), (0,)),
    "branches": (Branches, torch.rand(3, 4), (0,)),
    "mixed": (Mixed, torch.rand(3, 4), (0,)),
    "several": (Several, torch.rand(3, 4), (0,)),
    "slices": (Slices, torch.rand(3, 8), (0, 1)),
}


@pytest.mark.filterwarnings("ignore")  # Exporting warns of its own means.
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_answers_as_it_does_alone(name: str, tmp_path: Path) -> None:
    kind, example, free = NETWORKS[name]
    module: nn.Module = kind().eval()
    path = tmp_path / "model.pt2"
    with torch.no_grad():
        shapes = (dict.fromkeys(free, AUTO),)
        torch.export.save(
            torch.export.export(module, (example,), dynamic_shapes=shapes), path
        )
        result: torch.Tensor | Sequence[torch.Tensor] = module(example)
    backend = loaded(export_backend, path)
    assert backend.signature().batchable
    answers = ask(backend, x=example.numpy())
    wanted = [result] if isinstance(result, torch.Tensor) else result
    for came, right in zip(answers.values(), wanted, strict=True):
        np.testing.assert_allclose(came, right.numpy(), rtol=1e-5, atol=1e-6)
