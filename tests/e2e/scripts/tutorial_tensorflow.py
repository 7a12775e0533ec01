"""The shape of the TensorFlow MNIST tutorial: python tutorial_tensorflow.py SCRIPT."""

import sys

import boto3
import sagemaker
from sagemaker import get_execution_role
from sagemaker.tensorflow import TensorFlow

session = sagemaker.Session()
role = get_execution_role()
region = session.boto_session.region_name
sample = f"s3://sagemaker-sample-data-{region}/tensorflow/mnist"

estimator = TensorFlow(
    entry_point=sys.argv[1],
    role=role,
    instance_count=2,
    instance_type="ml.c5.xlarge",
    framework_version="2.1.0",
    py_version="py3",
)
estimator.fit(sample)
boto3.client("s3", region_name=region).download_file(
    f"sagemaker-sample-data-{region}", "tensorflow/mnist/eval_labels.npy", "eval_labels.npy"
)
print(estimator.model_data)
