"""MLflow's registry behind a few calls: bounded in time, with our errors.

Needs the package `mlflow` or `mlflow-skinny` (extra ``mlflow``), imported when the first
registry is opened: 0.7 s and 90 MB of memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runtime.errors import ConfigError
from runtime.printable import escaped
from runtime.registry.source import RegistryError, RegistryUnavailable

if TYPE_CHECKING:
    from mlflow.tracking import ModelVersion

REFUSALS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
"""What MLflow answers about names and numbers that it does not know."""

LONGEST_CAUSE = 200
COMMIT = "mlflow.source.git.commit"
ON_DISK = ("", "file")

ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""What MLflow's client reads; a person's own settings stay.

It would wait two minutes for an answer, seven times, write lines of its own format into the
log, and tell its makers that it is used.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A version as MLflow's registry has it."""

    model: str
    number: int
    tags: Mapping[str, str]
    run: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A model's tags, and its aliases with the numbers of their versions."""

    tags: Mapping[str, str]
    aliases: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Training:
    """What the run that made a version says of it."""

    metrics: Mapping[str, float]
    parameters: Mapping[str, str]
    data: str = ""
    code: str = ""


class MlflowRegistry:
    """One registry by its URI, such as ``http://host:5000``; ConfigError without MLflow.

    Every call raises RegistryError for what is not there, RegistryUnavailable for all else.
    """

    def __init__(self, uri: str) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise ConfigError(
                f"a registry of MLflow needs its client: pip install 'leeboard[mlflow]' "
                f"({error})"
            ) from error
        self.uri = uri
        with self._asking():
            self._client = MlflowClient(uri, uri)

    @property
    def place(self) -> str:
        """The URI without a name and password."""
        parts = urlsplit(self.uri)
        hosts = parts.netloc.rpartition("@")[2]
        return f"mlflow:{parts._replace(netloc=hosts).geturl()}"

    def models(self) -> list[str]:
        """Return the names of all registered models."""
        found, token = [], None
        with self._asking():
            while True:
                page = self._client.search_registered_models(page_token=token)
                found += [model.name for model in page]
                token = page.token
                if not token:
                    return sorted(found)

    def model(self, model: str) -> Registered:
        """Return what is known of a model as a whole."""
        with self._asking():
            found = self._client.get_registered_model(model)
            aliases = {alias: int(number) for alias, number in found.aliases.items()}
            return Registered(dict(found.tags), aliases)

    def by_alias(self, model: str, alias: str) -> Known:
        """Return the version that an alias points at."""
        with self._asking():
            return _known(self._client.get_model_version_by_alias(model, alias))

    def version(self, model: str, number: int) -> Known:
        """Return a version by its number."""
        with self._asking():
            return _known(self._client.get_model_version(model, str(number)))

    def versions(self, model: str) -> list[Known]:
        """Return all versions of a model, the lowest first."""
        quote = '"' if "'" in model else "'"
        if quote in model:
            raise RegistryError(
                f"MLflow cannot search for a name with both quotes: {model!r}"
            )
        found, token = [], None
        with self._asking():
            while True:
                page = self._client.search_model_versions(
                    f"name={quote}{model}{quote}", max_results=1000, page_token=token
                )
                found += [_known(version) for version in page]
                token = page.token
                if not token:
                    return sorted(found, key=lambda version: version.number)

    def training(self, run: str) -> Training:
        """Return what a run says of the version that it made."""
        with self._asking():
            found = self._client.get_run(run)
        data = [one.dataset.digest for one in found.inputs.dataset_inputs]
        return Training(
            dict(found.data.metrics),
            dict(found.data.params),
            data[0] if data else "",
            found.data.tags.get(COMMIT, ""),
        )

    def download(self, model: str, number: int, folder: Path) -> Path:
        """Write a version's files below a folder; returns where they are.

        A version whose files lie on its registry's own disk is refused: the path would be
        read here.
        """
        from mlflow.artifacts import download_artifacts

        with self._asking():
            uri = self._client.get_model_version_download_uri(model, str(number))
            if urlsplit(uri).scheme in ON_DISK and urlsplit(self.uri).scheme != "sqlite":
                raise RegistryError(
                    f"the files of {model} {number} lie on the registry's own disk; start "
                    "it with --serve-artifacts, or register them from a place that can be "
                    "reached from here"
                )
            path = download_artifacts(uri, dst_path=str(folder), tracking_uri=self.uri)
            return Path(path)

    def set_alias(self, model: str, alias: str, number: int) -> None:
        """Point an alias at a version, whatever it pointed at."""
        with self._asking():
            self._client.set_registered_model_alias(model, alias, str(number))

    def tag_model(self, model: str, key: str, value: str) -> None:
        """Set a tag of a model."""
        with self._asking():
            self._client.set_registered_model_tag(model, key, value)

    def tag(self, model: str, number: int, key: str, value: str) -> None:
        """Set a tag of a version."""
        with self._asking():
            self._client.set_model_version_tag(model, str(number), key, value)

    def untag(self, model: str, number: int, key: str) -> None:
        """Take a tag off a version."""
        with self._asking():
            self._client.delete_model_version_tag(model, str(number), key)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        from google.protobuf.json_format import ParseError
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            if error.error_code in REFUSALS:
                raise RegistryError(f"{self.place}: {self._cause(error)}") from error
            raise self._unavailable(error) from error
        # The errors of requests are OSErrors; the others say that an answer is nonsense.
        except (OSError, ParseError, ValueError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> RegistryUnavailable:
        return RegistryUnavailable(f"{self.place} does not answer: {self._cause(error)}")

    def _cause(self, error: Exception) -> str:
        """Return why in a few words, without a name and password of the URI."""
        text = str(error)
        credentials = urlsplit(self.uri).netloc.rpartition("@")[0]
        if credentials:
            text = text.replace(credentials, "...")
        refused = re.search(r"(\[Errno \d+\] [A-Za-z ]+|Read timed out)", text)
        return escaped(refused[1] if refused else text.partition("\n")[0][:LONGEST_CAUSE])


def _known(found: ModelVersion) -> Known:
    return Known(
        found.name,
        int(found.version),
        dict(found.tags),
        found.run_id or "",
        found.description or "",
    )
