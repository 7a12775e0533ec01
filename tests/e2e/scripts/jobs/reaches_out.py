"""Runs in an isolated job: nothing answers, and there are no credentials to take."""

import os
import socket

assert not [key for key in os.environ if key.startswith("AWS_") and "KEY" in key], os.environ
for host, port in (("sts.us-east-1.amazonaws.com", 443), ("172.17.0.1", 4580), ("1.1.1.1", 53)):
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        print("no way to", host, error)
    else:
        raise SystemExit(f"{host} answered")
raise SystemExit("cut off, as it should be")
