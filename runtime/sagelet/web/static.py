"""/_ui: the page's own files. Any other path below it is the page itself: it reads its URL.

The page names its files under a digest of them all, so that a browser may keep those for ever and
still has the new ones after an upgrade, or after an edit.
"""

import hashlib
import time
from pathlib import Path, PurePosixPath

from starlette.responses import Response

from sagelet.web.answers import HEADERS

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

#: Fetched while the page is read, not only when the module that needs them is.
_PRELOADED = ("vendor", "core", "charts", "parts", "pages")


class Files:
    """The files in ``folder``; ``index.html`` has marks for the digest and the modules."""

    def __init__(self, folder: Path = _ASSETS, fresh: float = _FRESH) -> None:
        self._folder = folder
        self._fresh = fresh
        self._seen = (0.0, "")

    def answer(self, path: str) -> Response:
        """What a GET of ``/_ui/<path>`` gets."""
        if not path.startswith(_PREFIX):
            return self._index()
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

    def _index(self) -> Response:
        digest = self.digest()
        modules = [
            str(file.relative_to(self._folder))
            for file in self._files()
            if file.suffix == ".js" and file.relative_to(self._folder).parts[0] in _PRELOADED
        ]
        links = "\n".join(
            f'<link rel="modulepreload" href="/_ui/assets/{digest}/{name}">' for name in modules
        )
        text = (self._folder / "index.html").read_text()
        text = text.replace("{digest}", digest).replace("<!-- modules -->", links)
        return Response(text, 200, {"Cache-Control": "no-store", **HEADERS}, _TYPES[".html"])
