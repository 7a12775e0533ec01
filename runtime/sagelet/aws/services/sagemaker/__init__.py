"""The SageMaker API, a module a resource."""

from sagelet.aws.services.sagemaker import tags, training  # noqa: F401 - they register operations
