"""One training run on this host: from /opt/ml/input to the script's end, and what is left of it.

The order of things and the exit code are here; how each is done is in the modules named for it.
"""

from __future__ import annotations

import os

from sagelet_toolkit import code, config, entrypoint, failure, machine, process
from sagelet_toolkit.environment import Environment
from sagelet_toolkit.failure import Failure, FrameworkError
from sagelet_toolkit.log import DEBUG, Log
from sagelet_toolkit.paths import BASE_DIR_ENV, Paths
from sagelet_toolkit.process import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

LOGGED_COMMAND_LIMIT = 4096


def train() -> int:
    """Run the job; return the exit code for the platform."""
    log = Log()
    inherited = dict(os.environb)
    child: Supervisor | None = None
    if b"SAGELET_DOOR" in inherited:
        from sagelet_toolkit import door  # only hosts that are made ready before their job

        opened = door.wait(inherited, log)
        if opened is None:
            return 0
        inherited, child = opened.environment, opened.child
    environ = {text(name): text(value) for name, value in inherited.items()}
    paths = Paths(environ.get(BASE_DIR_ENV, "/opt/ml"))
    try:
        _run(paths, inherited, environ, log, child or Supervisor(log))
    except Failure as error:
        return _report(error, paths, log)
    except Exception as error:  # noqa: BLE001  (a fault of ours must reach the failure file too)
        import traceback

        message = f"{type(error).__name__}: {error}"
        detail = "\n" + traceback.format_exc()
        number = error.errno if isinstance(error, OSError) else None
        return _report(FrameworkError(message, number, detail), paths, log)
    log.info("Reporting training SUCCESS")
    return 0


def _run(
    paths: Paths,
    inherited: dict[bytes, bytes],
    environ: dict[str, str],
    log: Log,
    child: Supervisor,
) -> None:
    documents = config.read(paths)
    instance_type = str(documents.resources.get("current_instance_type", "local"))
    environment = Environment(documents, paths, machine.inspect(environ, instance_type), environ)
    log.set_level(environment.log_level)
    launcher = ""
    if environment.launchers:
        from sagelet_toolkit import launchers

        launcher = launchers.choose(environment)
    name = entrypoint.check(environment.user_entry_point)
    code.unpack(environment.module_dir, paths, log)
    kind = entrypoint.kind(paths.code, name)
    if kind != entrypoint.PACKAGE:
        entrypoint.check_exists(paths.code, name)
    code.install(kind, paths, inherited, child)
    if kind == entrypoint.COMMAND:
        entrypoint.make_executable(os.path.join(paths.code, name))
    if len(environment.hosts) > 1 and environ.get("SM_STUDIO_LOCAL_MODE", "").lower() != "true":
        from sagelet_toolkit import hosts  # single hosts, most jobs, skip it

        hosts.wait_until_resolved(environment.hosts, child)
    own, variables = script_variables(environment, paths, environ)
    command = entrypoint.command(kind, name, environment.arguments)
    launch = None
    if launcher:
        launch = launchers.make(launcher, environment, kind, {**own, **variables}, child)
        command = launch.command
        variables.update(launch.variables)
    _log_invocation(command, environment, variables, log)
    script_env = {**inherited, **process.encode_environment({**own, **variables})}
    try:
        if launch is None:
            child.check("ExecuteUserScriptError", command, script_env, paths.code)
        else:
            launch.run(child, script_env, paths.code)
    except Failure as error:
        if len(environment.hosts) > 1 and not child.stopped_by:
            from sagelet_toolkit import hosts

            hosts.let_the_cause_speak_first(error.text, child)
        raise
    if environment.framework:
        from sagelet_toolkit import frameworks

        frameworks.model_warnings(environment, log)
    _write_success(paths)


def script_variables(
    environment: Environment, paths: Paths, environ: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What a script gets beside the container's variables: the framework's, then its own."""
    variables = environment.variables()
    search = environ.get("PYTHONPATH")
    variables["PYTHONPATH"] = paths.code + (":" + search if search else "")
    variables.setdefault("PYTHONUNBUFFERED", environ.get("PYTHONUNBUFFERED", "1"))
    own: dict[str, str] = {}
    if environment.framework:
        from sagelet_toolkit import frameworks  # one without a framework skips it

        own = frameworks.variables(environment)
    return own, variables


def _log_invocation(
    command: list[str], environment: Environment, variables: dict[str, str], log: Log
) -> None:
    log.info("Invoking user script")
    if log.level <= DEBUG:
        import json

        document = json.dumps(environment.properties, indent=4)
        listing = "\n".join(f"{name}={value}" for name, value in variables.items())
        log.debug(f"Training Env:\n\n{document}\n\nEnvironment variables:\n\n{listing}\n")
    shown = entrypoint.show(command)
    if len(shown) > LOGGED_COMMAND_LIMIT:
        shown = shown[:LOGGED_COMMAND_LIMIT] + " ..."
    log.info(f"Invoking script with the following command: {shown}")


def _write_success(paths: Paths) -> None:
    try:
        os.makedirs(paths.output, exist_ok=True)
        with open(paths.success, "wb"):
            pass
    except OSError as error:
        raise FrameworkError(f"{paths.success} cannot be written: {error}.", error.errno) from None


def _report(error: Failure, paths: Paths, log: Log) -> int:
    note = failure.write(paths, error)
    log.error("Reporting training FAILURE")
    log.error(error.text)
    if note:
        log.info(note)
    return error.exit_code


def text(data: bytes) -> str:
    """A variable as Python shows it."""
    return data.decode("utf-8", "surrogateescape")
