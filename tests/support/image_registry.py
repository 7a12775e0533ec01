"""A registry on this machine with one image, whose layer comes when the test says so."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_DOCKER = "application/vnd.docker."


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class SlowRegistry(ThreadingHTTPServer):
    """Serves ``image``; every other one is unknown to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("train"))
        packed = gzip.compress(layer.getvalue(), mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [_digest(layer.getvalue())]},
            }
        ).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_DOCKER}distribution.manifest.v2+json",
            "config": self._entry(f"{_DOCKER}container.image.v1+json", config),
            "layers": [self._entry(f"{_DOCKER}image.rootfs.diff.tar.gzip", packed)],
        }
        self.layer = packed
        self.pages = {"/v2/": b"{}", "/v2/slow/manifests/1": json.dumps(manifest).encode()}
        for data in (config, packed, self.pages["/v2/slow/manifests/1"]):
            for kind in ("blobs", "manifests"):
                self.pages[f"/v2/slow/{kind}/{_digest(data)}"] = data
        self.may_send = threading.Event()

    @property
    def address(self) -> str:
        return f"localhost:{self.server_port}"

    @property
    def image(self) -> str:
        return f"{self.address}/slow:1"

    @staticmethod
    def _entry(kind: str, data: bytes) -> dict[str, object]:
        return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


class _Handler(BaseHTTPRequestHandler):
    server: SlowRegistry

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        page = self._head()
        if page == self.server.layer:
            self.server.may_send.wait(60)
        self.wfile.write(page)

    def _head(self) -> bytes:
        page = self.server.pages.get(self.path)
        self.send_response(200 if page else 404)
        if page is None:
            page = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
        manifest = "/manifests/" in self.path
        kind = f"{_DOCKER}distribution.manifest.v2+json" if manifest else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Docker-Content-Digest", _digest(page))
        self.end_headers()
        return page

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def slow_registry() -> Iterator[SlowRegistry]:
    with SlowRegistry() as registry:
        serving = threading.Thread(target=registry.serve_forever)
        serving.start()
        try:
            yield registry
        finally:
            registry.may_send.set()
            registry.shutdown()
            serving.join()
