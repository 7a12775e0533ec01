"""Run as a program: holds the engine of $SAGELET_HOME, as the control plane does, without a server.

Commands come as JSON lines on standard input, answers go as JSON lines to standard output. The
only argument is a JSON document: ``most`` jobs at once; ``die_at``: the SecondaryStatus at which
this process kills itself, as soon as a job's new state is stored.
"""

import json
import os
import signal
import sys

from sagelet.app import create_app
from sagelet.domain.errors import DomainError
from sagelet.domain.training import TrainingJob
from sagelet.settings import Settings


def main() -> None:
    options = json.loads(sys.argv[1])

    def watch(job: TrainingJob) -> None:
        if job.life.secondary == options.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    app = create_app(Settings.from_environ(), most=options.get("most"), observers=[watch])
    app.dispatcher.start()
    print(json.dumps({"machine": app.dispatcher.machine.cpus}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        _, engine = app.in_region(command["region"])
        try:
            done = getattr(engine, command["do"])(*command["with"])
        except DomainError as error:
            answer = {"error": error.code, "message": str(error)}
        else:
            answer = {"name": done.name if done else None}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
