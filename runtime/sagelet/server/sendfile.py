"""A file's bytes to a client without a way through this process: sendfile(2) on the connection.

It is ASGI's extension ``http.response.zerocopysend``. The kernel copies while the event loop does
other things: a thread waits for the socket.
"""

import os
import select
import threading
from concurrent.futures import ThreadPoolExecutor

EXTENSION = "http.response.zerocopysend"

#: How much the kernel is asked to copy at once, in bytes.
_STEP = 8 << 20
#: How often a client that does not read is looked at, in milliseconds.
_PATIENCE = 500

#: How long a client may read nothing before it is given up, in milliseconds.
_LIMIT = 120_000

#: Downloads at the same time; more of them wait for one to end.
THREADS = ThreadPoolExecutor(64, thread_name_prefix="sendfile")


def send_file(out: int, source: int, offset: int, count: int, gone: threading.Event) -> int:
    """Copy to the socket ``out``, which does not block, until all is sent or the client ``gone``.

    Returns:
        Bytes sent: fewer than ``count`` when the connection broke or the file is shorter.
    """
    sent = waited = 0
    writable = select.poll()
    writable.register(out, select.POLLOUT)
    while sent < count and waited < _LIMIT and not gone.is_set():
        try:
            copied = os.sendfile(out, source, offset + sent, min(_STEP, count - sent))
        except BlockingIOError:
            waited = 0 if writable.poll(_PATIENCE) else waited + _PATIENCE
            continue
        except OSError:
            break
        if copied == 0:
            break
        sent += copied
    return sent
