"""The shape of the PyTorch MNIST tutorial: python tutorial_pytorch.py SOURCE_DIR SCRIPT FILES."""

import sys

import sagemaker
from sagemaker import get_execution_role
from sagemaker.pytorch import PyTorch

source, script, files = sys.argv[1:]
sess = sagemaker.Session()
role = get_execution_role()
output_path = "s3://" + sess.default_bucket() + "/mnist"
estimator = PyTorch(
    entry_point=script,
    source_dir=source,
    role=role,
    framework_version="1.5.0",
    py_version="py3",
    instance_type="ml.c4.xlarge",
    instance_count=1,
    volume_size=250,
    output_path=output_path,
    hyperparameters={"batch-size": 128, "epochs": 1, "learning-rate": 1e-3},
)
where = sess.upload_data(path=files, bucket=sess.default_bucket(), key_prefix="mnist")
estimator.fit(inputs={"training": where, "testing": where})
print("Model artifact saved at:\n", estimator.model_data)
