"""The SageMaker API, a module a resource."""

from sagelet.aws.services.sagemaker import training  # noqa: F401 - registers its operations
