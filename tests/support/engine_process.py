"""Run as a program: holds the engine of $SAGELET_HOME, as the control plane does, without a server.

Commands come as JSON lines on standard input, answers go as JSON lines to standard output. A
command is a method of the engine (``tuning.stop``: of what it has for tuning jobs), the arguments
of each call and, unless it is about training jobs, a kind of job; the calls are made at once;
``settle`` waits until no job lives and nothing is made ready after one. The
program's only argument is a JSON document: ``most`` jobs at once; ``die_at``: the SecondaryStatus
at which this process kills itself, as soon as a job's new state is stored.
"""

import functools
import json
import operator
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from sagelet.app import App, create_app
from sagelet.domain.errors import DomainError
from sagelet.domain.jobs import Job, Kind
from sagelet.domain.processing import PROCESSING
from sagelet.settings import Settings


def main() -> None:
    options = json.loads(sys.argv[1])

    def watch(job: Job) -> None:
        if job.life.secondary == options.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    settings = replace(Settings.from_environ(), max_jobs=options.get("most"))
    app = create_app(settings, [watch])
    app.dispatcher.start()
    app.tuners.start()
    print(json.dumps([]), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "settle":
            print(json.dumps([{"name": None} if app.dispatcher.drain(60) else {}]), flush=True)
            continue
        _, engine = app.in_region(command["region"])
        kind = {"kind": PROCESSING} if command.get("kind") == PROCESSING.name else {}
        method = operator.attrgetter(command["do"])(engine)
        call = functools.partial(_answer, app, method, kind)
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(call, command["with"]))
        print(json.dumps(answers), flush=True)


def _answer(
    app: App, method: Callable[..., Any], kind: dict[str, Kind], arguments: list[Any]
) -> dict[str, str | None]:
    try:
        done = method(*arguments, **kind)
    except DomainError as error:
        return {"error": error.code, "message": str(error)}
    finally:
        app.store.database.close()
    return {"name": done.name if done else None}


if __name__ == "__main__":
    main()
