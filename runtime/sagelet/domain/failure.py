"""FailureReason: the text SageMaker makes of how a host ended."""

#: API limit on FailureReason, in characters.
LIMIT = 1024

OUT_OF_MEMORY = (
    "ClientError: Please use an instance type with more memory, or reduce the size of job data "
    "processed on an instance."
)


def host_failure(
    failure_file: str | None, code: int, *, oom: bool, error: str | None, host: str | None
) -> str | None:
    """Why a host failed, or None when it succeeded.

    Args:
        failure_file: content of /opt/ml/output/failure, None when there is no such file. Its
            presence alone makes the job Failed, whatever the exit code.
        code: the exit code, 128 + n after signal n.
        oom: the kernel killed it for want of memory.
        error: why it never started.
        host: its name, where the job has several.
    """
    if error:
        return _cut(f"ClientError: {error}")
    if oom and code != 0:
        return _cut(OUT_OF_MEMORY + (f" ({host})" if host else ""))
    if code == 0 and failure_file is None:
        return None
    where = f" ({host})" if host else ""
    suffix = f", exit code: {code}{where}"
    room = LIMIT - len("AlgorithmError: ") - len(suffix)
    return f"AlgorithmError: {(failure_file or '').strip()[:room]}{suffix}"


def _cut(text: str) -> str:
    return text if len(text) <= LIMIT else text[: LIMIT - 3] + "..."
