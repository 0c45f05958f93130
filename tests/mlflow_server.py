"""A server of MLflow in a process of its own, from packages of its own.

Its packages (`mlflow_requirements.txt`, 176 MB) lie in build/mlflow-server, beside those
that the tests have anyway. In CI they are installed when a test first needs them; elsewhere
such tests are skipped until somebody does so once: ``python -m tests.mlflow_server``.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from runtime.testing.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "build" / "mlflow-server"
REQUIREMENTS = Path(__file__).with_name("mlflow_requirements.txt")
STAMP = PACKAGES / "installed.txt"
INSTALL_S = 600
START_S = 120.0
END_S = 20.0


def is_installed() -> bool:
    """Tell whether the packages lie there, for this list and this interpreter."""
    return STAMP.exists() and STAMP.read_text() == wanted()


def wanted() -> str:
    """Return what the stamp says once all is installed."""
    return f"{sys.version}\n{REQUIREMENTS.read_text()}"


def install() -> None:
    """Install the server's packages beside the tests' own; pip says what went wrong."""
    shutil.rmtree(PACKAGES, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary", ":all:", "--target", str(PACKAGES)]
    command = [*pip, *options, "-r", str(REQUIREMENTS)]
    subprocess.run(command, check=True, timeout=INSTALL_S)
    STAMP.write_text(wanted())


def client_needed() -> None:
    """Skip the test without MLflow's client; in CI it must be there."""
    if find_spec("mlflow") is None and not os.environ.get("CI"):
        pytest.skip("MLflow's client is not installed (mlflow-skinny, of leeboard[dev])")


def needed() -> None:
    """Skip the test without MLflow's client and server; in CI install the server."""
    client_needed()
    if is_installed():
        return
    if os.environ.get("CI"):
        install()
    else:
        pytest.skip("MLflow's server is not installed (python -m tests.mlflow_server)")


class MlflowServer:
    """``mlflow server`` on a free port, with a database and artifacts below a folder."""

    def __init__(self, folder: Path) -> None:
        needed()
        self._folder = folder
        self.artifacts = folder / "artifacts"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def database(self) -> Path:
        """Its database, of SQLite."""
        return self._folder / "mlflow.db"

    @property
    def _log(self) -> Path:
        return self._folder / "mlflow.log"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        paths = [str(PACKAGES), *filter(None, sys.path)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        command = [
            sys.executable, "-m", "mlflow", "server",
            "--backend-store-uri", f"sqlite:///{self.database}",
            "--artifacts-destination", str(self.artifacts), "--serve-artifacts",
            "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1",
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        wait_until(self._settled, lambda: f"MLflow answers\n{self.log()}", START_S)
        assert self._process.poll() is None, self.log()

    def stop(self) -> None:
        """End it and its children at once; what it has acknowledged is on disk."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(END_S)
        self._process = None

    def log(self) -> str:
        """Return what it has said."""
        return self._log.read_text()

    def _settled(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            return True
        try:
            with urlopen(f"{self.uri}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


if __name__ == "__main__":
    install()
