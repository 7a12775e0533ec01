"""The Docker backend: hosts as containers. The only package that knows the docker SDK."""
