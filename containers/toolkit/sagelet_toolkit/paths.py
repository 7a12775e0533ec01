"""The /opt/ml tree: where SageMaker puts input and collects output. Names only; touches no file."""

from __future__ import annotations

import os

BASE_DIR_ENV = "SAGEMAKER_BASE_DIR"


class Paths:
    """Every path of one /opt/ml tree, or of the tree that stands in for it."""

    def __init__(self, base: str = "/opt/ml") -> None:
        join = os.path.join
        self.base = base
        self.code = join(base, "code")
        self.model = join(base, "model")
        self.input = join(base, "input")
        self.input_data = join(self.input, "data")
        self.input_config = join(self.input, "config")
        self.output = join(base, "output")
        self.output_data = join(self.output, "data")
        self.output_intermediate = join(self.output, "intermediate")
        self.success = join(self.output, "success")
        self.failure = join(self.output, "failure")

    def channel(self, name: str) -> str:
        """Where the data of one input channel lies."""
        return os.path.join(self.input_data, name)
