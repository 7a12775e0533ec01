"""The AWS side: service models, validation, one function per operation."""
