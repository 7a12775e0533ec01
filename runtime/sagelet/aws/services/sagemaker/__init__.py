"""The SageMaker operations that exist here."""
