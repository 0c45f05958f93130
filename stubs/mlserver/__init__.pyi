class ModelParameters:
    uri: str | None

class ModelSettings:
    parameters: ModelParameters | None

class MLModel:
    @property
    def name(self) -> str: ...
    @property
    def settings(self) -> ModelSettings: ...
