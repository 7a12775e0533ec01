"""One package per AWS service, one function per operation."""
