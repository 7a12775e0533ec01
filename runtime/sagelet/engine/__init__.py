"""What takes time: supervises jobs from submission to the stored model."""
