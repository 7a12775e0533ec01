"""The protocols: HTTP requests to documents, documents and errors to HTTP responses."""
