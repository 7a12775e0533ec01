"""Pure decisions: what a SageMaker job means. No I/O, no clock, no logging."""
