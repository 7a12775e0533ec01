"""/_api/storage: buckets and objects as a tree, their bytes, and files that are dropped."""

import mimetypes
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from sagelet.domain.errors import Refusal
from sagelet.domain.objects import check_key
from sagelet.store.blobs import Draft
from sagelet.store.objects import Objects
from sagelet.store.traits import Traits
from sagelet.web.answers import HEADERS, Json
from sagelet.web.previews import member_preview, preview
from sagelet.web.sources import Sources

#: Shown by the browser itself; anything else is offered as a file.
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})


def storage_router(sources: Sources) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/_api/storage")

    def objects() -> Objects:
        if not sources.storage:
            raise Refusal(
                "NotHere",
                "Objects are kept in another S3 (SAGELET_S3_ENDPOINT_URL): look there.",
                409,
            )
        return sources.region_of(None)[0].objects

    @router.get("")
    def buckets() -> Json:
        """All buckets."""
        return Json(
            {
                "buckets": [
                    {"name": each.name, "region": each.region, "created": each.created}
                    for each in objects().buckets()
                ]
            }
        )

    @router.get("/{bucket}")
    def listing(
        bucket: str,
        prefix: str = "",
        after: str = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 300,
    ) -> Json:
        """One level of the tree, a page of it."""
        store = objects()
        store.bucket(bucket)
        page = store.page(bucket, prefix, "/", after, limit)
        return Json(
            {
                "folders": page.prefixes,
                "objects": [
                    {"key": each.key, "size": each.size, "modified": each.modified}
                    for each in page.items
                ],
                "more": page.more,
                "last": page.last,
            }
        )

    @router.get("/{bucket}/preview")
    def show(bucket: str, key: str, member: str = "") -> Json:
        """What is in an object, or in a member of an archive, in short."""
        store = objects()
        found = store.get(bucket, key)
        traits = found.traits
        path = store.blobs.path(found.blob)
        if member:
            return Json({"key": key, "modified": found.modified, **member_preview(path, member)})
        return Json(
            {
                "key": key,
                "size": found.size,
                "etag": found.etag,
                "modified": found.modified,
                "type": traits.headers.get("ContentType", ""),
                "metadata": traits.metadata,
                "path": str(path),
                "preview": preview(key, path, found.size),
            }
        )

    @router.get("/{bucket}/raw")
    def raw(bucket: str, key: str) -> Response:
        """The object's bytes: an image to be shown, all else as a file."""
        store = objects()
        found = store.get(bucket, key)
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        name = quote(key.rpartition("/")[2] or "object", safe="")
        shown = kind in _IMAGES
        disposition = "inline" if shown else "attachment"
        headers = {
            **HEADERS,
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Disposition": f"{disposition}; filename*=UTF-8''{name}",
        }
        return FileResponse(
            store.blobs.path(found.blob),
            media_type=kind if shown else "application/octet-stream",
            headers=headers,
        )

    @router.put("/{bucket}", status_code=201)
    async def upload(bucket: str, key: str, request: Request) -> Json:
        """Store the request's body as an object."""
        sources.token.check(request)
        store = objects()
        check_key(key)
        await run_in_threadpool(store.bucket, bucket)
        draft = await run_in_threadpool(store.blobs.draft)
        try:
            digest = await _receive(request.stream(), draft)
        except BaseException:
            draft.discard()
            raise
        kind = mimetypes.guess_type(key)[0] or "binary/octet-stream"
        made = await run_in_threadpool(
            store.commit, bucket, key, draft, digest, Traits({"ContentType": kind})
        )
        sources.bus.tell("storage")
        return Json({"key": made.key, "size": made.size}, 201)

    return router


async def _receive(body: AsyncIterator[bytes], draft: Draft) -> str:
    import hashlib

    digest = hashlib.md5(usedforsecurity=False)
    async for piece in body:
        digest.update(piece)
        await run_in_threadpool(draft.write, piece)
    return digest.hexdigest()
