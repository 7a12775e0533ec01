"""One page without scripts: what runs here and how to reach it. Pure: rows to HTML."""

import time
from collections.abc import Iterable, Mapping
from html import escape

from sagelet import __version__

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>sagelet</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }}
th, td {{ border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent);
    padding: .3rem .8rem .3rem 0; text-align: left }}
pre {{ overflow: auto }}
</style>
<h1>sagelet</h1>
<p>Version {version}, account {account}, region {region}. Point AWS clients of a shell here:</p>
<pre>eval "$(sagelet env)"</pre>
<h2>Training jobs</h2>
{jobs}
</html>
"""

_NONE = "<p>None yet.</p>"


def overview(account: str, region: str, jobs: Iterable[Mapping[str, object]]) -> str:
    """The page; a job has name, region, status, secondary, created (epoch seconds)."""
    rows = "\n".join(
        f"<tr><td>{_text(job['name'])}<td>{_text(job['region'])}<td>{_text(job['status'])}"
        f"<td>{_text(job['secondary'])}<td>{_moment(job['created'])}"
        for job in jobs
    )
    table = f"<table><tr><th>Name<th>Region<th>Status<th>Secondary<th>Created\n{rows}\n</table>"
    return _PAGE.format(
        version=__version__,
        account=_text(account),
        region=_text(region),
        jobs=table if rows else _NONE,
    )


def _text(value: object) -> str:
    return escape(str(value))


def _moment(value: object) -> str:
    seconds = value if isinstance(value, float | int) else 0.0
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
