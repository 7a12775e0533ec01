"""Running hosts: containers and processes. Knows no job status."""
