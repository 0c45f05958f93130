from typing import Self

class BaseEstimator:
    n_features_in_: int
    def fit(self, features: object, target: object = ...) -> Self: ...

def is_classifier(estimator: BaseEstimator) -> bool: ...
