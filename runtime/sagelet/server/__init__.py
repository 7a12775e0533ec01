"""Serving HTTP: sockets, the server, TLS, who may come in. Knows no operation and no job."""
