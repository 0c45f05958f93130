from mlflow import artifacts as artifacts
from mlflow import exceptions as exceptions
from mlflow import tracking as tracking
