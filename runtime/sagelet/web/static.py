"""/_ui: the page's own files. Any other path below it is the page itself: it reads its URL.

The page names its files under a digest of them all, so that a browser may keep those for ever and
still has the new ones after an upgrade, or after an edit. Its styles are in the page itself, so
that its first paint waits for nothing; its policy allows them by their digest.
"""

import base64
import hashlib
import posixpath
import re
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from starlette.responses import Response

from sagelet.web.answers import HEADERS, POLICY

_ASSETS = Path(__file__).with_name("assets")
_PREFIX = "assets/"

#: How long a look at the files' times holds, in seconds.
_FRESH = 1.0

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}

#: In this order: later ones overrule earlier ones.
_STYLES = ("tokens", "base", "parts", "charts", "pages")

#: Where the page begins, and the modules of pages by the first word of an address: what each
#: imports is fetched while the page is read, not only when the module that needs it is.
_ENTRY = "app.js"
_PAGES = {
    "": ("overview", "overview"),
    "jobs": ("jobs", "job"),
    "processing": ("jobs", "job"),
    "tuning": ("tunings", "tuning"),
    "experiments": ("experiments", "experiment"),
    "compare": ("compare", "compare"),
    "trials": ("experiments", "trial"),
    "components": ("experiments", "component"),
    "models": ("models", "models"),
    "storage": ("storage", "storage"),
    "calls": ("calls", "calls"),
    "settings": ("settings", "settings"),
}
_MODULES = "<!-- modules -->"
_IMPORT = re.compile(r"""^(?:import|export) .*?from "(\.[^"]+)";""", re.MULTILINE)


class Files:
    """The files in ``folder``; ``index.html`` has marks for the digest, the modules, the styles."""

    def __init__(self, folder: Path = _ASSETS, fresh: float = _FRESH) -> None:
        self._folder = folder
        self._fresh = fresh
        self._seen = (0.0, "")
        self._known = _Known("", "", "", {})

    def answer(self, path: str) -> Response:
        """What a GET of ``/_ui/<path>`` gets."""
        if not path.startswith(_PREFIX):
            return self._index(path)
        digest, _, name = path.removeprefix(_PREFIX).partition("/")
        parts = PurePosixPath(name).parts
        file = self._folder.joinpath(*parts)
        hidden = any(part in ("..", "/") or part.startswith(".") for part in parts)
        if hidden or file.suffix not in _TYPES or not file.is_file():
            return Response("There is no such file.\n", 404, HEADERS, "text/plain")
        current = digest == self.digest()
        kept = "public, max-age=31536000, immutable" if current else "no-store"
        return Response(
            file.read_bytes(), 200, {"Cache-Control": kept, **HEADERS}, _TYPES[file.suffix]
        )

    def digest(self) -> str:
        """Another text when a file is another one; looked at once a second at most."""
        looked, known = self._seen
        if known and time.monotonic() - looked < self._fresh:
            return known
        total = hashlib.sha256()
        for file in self._files():
            status = file.stat()
            name = file.relative_to(self._folder)
            total.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
        self._seen = time.monotonic(), total.hexdigest()[:12]
        return self._seen[1]

    def _files(self) -> list[Path]:
        return sorted(file for file in self._folder.rglob("*") if file.is_file())

    def _index(self, path: str) -> Response:
        digest = self.digest()
        if self._known.digest != digest:
            self._known = self._read(digest)
        known = self._known
        links = "\n".join(
            f'<link rel="modulepreload" href="/_ui/{_PREFIX}{digest}/{name}">'
            for name in known.modules(path)
        )
        headers = {**HEADERS, "Cache-Control": "no-store", "Content-Security-Policy": known.policy}
        return Response(known.text.replace(_MODULES, links), 200, headers, _TYPES[".html"])

    def _read(self, digest: str) -> "_Known":
        files = [self._folder / "styles" / f"{name}.css" for name in _STYLES]
        styles = "".join(file.read_text() for file in files if file.is_file())
        hashed = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
        text = (self._folder / "index.html").read_text().replace("{digest}", digest)
        imports = {
            str(file.relative_to(self._folder)): _IMPORT.findall(file.read_text())
            for file in self._files()
            if file.suffix == ".js"
        }
        return _Known(
            digest,
            text.replace("<!-- styles -->", styles),
            POLICY.replace("style-src 'self'", f"style-src 'self' 'sha256-{hashed}'"),
            {
                name: [posixpath.normpath(PurePosixPath(name).parent / each) for each in found]
                for name, found in imports.items()
            },
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """The page of one state of the files, the policy of its styles, what each module imports."""

    digest: str
    text: str
    policy: str
    imports: dict[str, list[str]]

    def modules(self, path: str) -> list[str]:
        """What the page at an address needs, in the order in which it is needed."""
        section, _, rest = path.partition("/")
        many, one = _PAGES.get(section, ("", ""))
        found: dict[str, None] = {}
        waiting = [_ENTRY, f"pages/{one if rest.strip('/') else many}.js"]
        while waiting:
            name = waiting.pop(0)
            if name in self.imports and name not in found:
                found[name] = None
                waiting += self.imports[name]
        return [name for name in found if name != _ENTRY]
