from collections.abc import Mapping, Sequence

class Model:
    name: str
    tags: Mapping[str, str]
    aliases: Mapping[str, str | int]

class ModelVersion:
    name: str
    version: str | int
    run_id: str | None
    description: str | None
    tags: Mapping[str, str]

class Dataset:
    digest: str

class DatasetInput:
    dataset: Dataset

class RunInputs:
    dataset_inputs: Sequence[DatasetInput]

class RunData:
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]

class RunInfo:
    run_id: str
    artifact_uri: str

class Run:
    data: RunData
    info: RunInfo
    inputs: RunInputs

class Page(list[ModelVersion]):
    token: str | None

class Models(list[Model]):
    token: str | None

class MlflowClient:
    def __init__(
        self, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None: ...
    def create_registered_model(self, name: str) -> Model: ...
    def get_registered_model(self, name: str) -> Model: ...
    def search_registered_models(
        self, *, max_results: int = 100, page_token: str | None = None
    ) -> Models: ...
    def get_model_version(self, name: str, version: str) -> ModelVersion: ...
    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion: ...
    def get_model_version_download_uri(self, name: str, version: str) -> str: ...
    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = 10000,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> Page: ...
    def create_model_version(
        self, name: str, source: str, run_id: str | None = None
    ) -> ModelVersion: ...
    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None: ...
    def set_registered_model_tag(self, name: str, key: str, value: str) -> None: ...
    def set_model_version_tag(
        self, name: str, version: str, key: str, value: str
    ) -> None: ...
    def delete_model_version_tag(self, name: str, version: str, key: str) -> None: ...
    def get_run(self, run_id: str) -> Run: ...
    def create_run(self, experiment_id: str) -> Run: ...
    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str) -> None: ...
    def log_metric(self, run_id: str, key: str, value: float) -> object: ...
    def log_param(self, run_id: str, key: str, value: object) -> object: ...
