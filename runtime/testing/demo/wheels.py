"""Real models, taken out of Python wheels; nothing in the wheels is ever run.

The wheels are pinned by version and by SHA-256. What a demo needs of them is kept in a
folder of the user's, written file by file so that a reader sees all of a file or nothing;
from then on no network is needed. `WHEELS` are those of ``make demo``.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from runtime.atomic import write_bytes
from runtime.errors import LeeboardError
from runtime.models.layout import WARMUP_FILE
from runtime.testing.demo import words

PIP_LIMIT_S = 300.0


class DownloadError(LeeboardError):
    """A wheel cannot be had; a person can connect to the network and try again."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned wheel, and where its members go in the demo's folder."""

    requirement: str
    sha256: str
    members: dict[str, str]

    @property
    def project(self) -> str:
        """The project's name, without the version."""
        return self.requirement.partition("==")[0]


MAGIKA = Wheel(
    "magika==1.0.3",
    "938d8e033953f2ddeb8c35dc423aa289ca116bfa7a71a778f6e77460f9025803",
    {
        "magika/models/standard_v3_3/model.onnx": "models/magika/1/model.onnx",
        "magika/models/standard_v3_3/config.min.json": "magika.json",
        "magika/config/content_types_kb.min.json": "content_types.json",
    },
)

WHEELS = (
    MAGIKA,
    Wheel(
        "rapidocr-onnxruntime==1.4.4",
        "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
        {
            "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx": (
                "models/ocr/1/model.onnx"
            ),
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Files:
    """The demo's folder: a model repository, and what explains magika's answers."""

    folder: Path

    @property
    def repository(self) -> Path:
        """The folder to serve."""
        return self.folder / "models"

    @property
    def magika(self) -> Path:
        """The file type model."""
        return self.repository / "magika" / "1" / "model.onnx"

    @property
    def ocr(self) -> Path:
        """The text recogniser."""
        return self.repository / "ocr" / "1" / "model.onnx"

    @property
    def magika_config(self) -> Path:
        """How magika wants a file cut, and the labels of its scores."""
        return self.folder / "magika.json"

    @property
    def content_types(self) -> Path:
        """What each label means."""
        return self.folder / "content_types.json"

    @property
    def stamp(self) -> Path:
        """Written last: which wheels the files came out of."""
        return self.folder / "wheels.json"

    @property
    def complete(self) -> bool:
        """Tell whether everything of exactly these wheels is here."""
        warmup = self.ocr.with_name(WARMUP_FILE)
        return are_here(self.folder, self.stamp, WHEELS) and warmup.is_file()


def are_here(folder: Path, stamped: Path, wheels: Sequence[Wheel]) -> bool:
    """Tell whether a folder has all members of exactly these wheels, by its stamp."""
    wanted = [folder / name for wheel in wheels for name in wheel.members.values()]
    try:
        return stamped.read_bytes() == stamp(wheels) and all(p.is_file() for p in wanted)
    except OSError:
        return False


def stamp(wheels: Sequence[Wheel] = WHEELS) -> bytes:
    """Return what tells these wheels, and where their members go, from any others."""
    return json.dumps([asdict(wheel) for wheel in wheels], indent=1).encode()


def write(path: Path, content: bytes) -> None:
    """Write a file, and its folder, so that a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content, mode=0o600)


def obtain(folder: Path) -> Files:
    """Return the demo's files, downloading them unless they are there already.

    Raises DownloadError with pip's own words when they cannot be had.
    """
    files = Files(folder)
    if files.complete:
        return files
    fetch(WHEELS, folder)
    write(files.ocr.with_name(WARMUP_FILE), recogniser_warmup())
    write(files.stamp, stamp())
    return files


def fetch(wheels: Sequence[Wheel], folder: Path) -> None:
    """Download wheels and put their wanted members into a folder.

    Raises DownloadError with pip's own words when they cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
        download(wheels, Path(scratch))
        for archive in Path(scratch).glob("*.whl"):
            unpack(wheels, archive, folder)


def download(wheels: Sequence[Wheel], folder: Path) -> None:
    """Have pip put the pinned wheels, and nothing that they depend on, into a folder."""
    wanted = folder / "wheels.txt"
    wanted.write_text(
        "".join(f"{w.requirement} --hash=sha256:{w.sha256}\n" for w in wheels)
    )
    # Wheels for any machine: with a platform's own comes a program that nobody needs here.
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-input", "--retries", "2", "--timeout", "20",
        "--no-deps", "--only-binary", ":all:", "--platform", "any",
        "--implementation", "py", "--abi", "none",
        "--require-hashes", "--requirement", str(wanted), "--dest", str(folder),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=PIP_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        reason = f"pip did not end within {PIP_LIMIT_S:g} s"
        raise DownloadError(refusal(wheels, reason)) from error
    if done.returncode:
        reason = done.stderr.strip() or f"status {done.returncode}"
        raise DownloadError(refusal(wheels, reason))


def refusal(wheels: Sequence[Wheel], reason: str) -> str:
    """Return what to tell a person whom pip refused."""
    return (
        "the demo's models come out of Python wheels "
        f"({', '.join(wheel.requirement for wheel in wheels)}) and pip cannot get them. "
        "Connect to the network and try again; afterwards the demo needs none. pip says:\n"
        + pips_words(reason)
    )


def pips_words(text: str) -> str:
    """Return pip's errors without its warnings and retries, or its last line."""
    errors = [line for line in text.splitlines() if line.startswith("ERROR: ")]
    return "\n".join(errors or text.splitlines()[-1:])


def unpack(wheels: Sequence[Wheel], archive: Path, folder: Path) -> None:
    """Write a wheel's wanted members to their places."""
    name = archive.name.partition("-")[0].replace("_", "-")
    wheel = next(w for w in wheels if w.project == name)
    with zipfile.ZipFile(archive) as opened:
        for member, place in wheel.members.items():
            write(folder / place, opened.read(member))


def recogniser_warmup() -> bytes:
    """Return a .npz with one image, as the recogniser takes any width and must see one."""
    made = io.BytesIO()
    np.savez(made, x=words.normalise(words.render("warm up", width=160)))
    return made.getvalue()
