"""A package of code with requirements: python v2_source_dir.py."""

import json
from pathlib import Path

import sagemaker
from sagemaker.pytorch import PyTorch

source = Path("source")
(source / "pieces").mkdir(parents=True, exist_ok=True)
(source / "pieces/__init__.py").write_text("")
(source / "pieces/numbers.py").write_text("def answer():\n    return 42\n")
(source / "requirements.txt").write_text("inflection==0.5.1\n")
(source / "main.py").write_text(
    """
import argparse
import inflection
import torch
from pieces.numbers import answer
parser = argparse.ArgumentParser()
parser.add_argument("--word")
word = parser.parse_args().word
print("plural", inflection.pluralize(word), answer(), torch.ones(2).sum().item())
"""
)
estimator = PyTorch(
    entry_point="main.py",
    source_dir=str(source),
    role=sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.c5.xlarge",
    framework_version="2.3",
    py_version="py311",
    hyperparameters={"word": "octopus"},
)
estimator.fit()
print(json.dumps({"name": estimator.latest_training_job.name}))
