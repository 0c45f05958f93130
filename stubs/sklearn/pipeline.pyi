from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator

class Pipeline(BaseEstimator):
    def predict(self, features: object) -> NDArray[Any]: ...
    def predict_proba(self, features: object) -> NDArray[Any]: ...

def make_pipeline(*steps: BaseEstimator) -> Pipeline: ...
