import argparse
from collections.abc import Sequence

from kserve import Model

parser: argparse.ArgumentParser

class ModelServer:
    def start(self, models: Sequence[Model]) -> None: ...
