"""What is in a file, in short: arrays, tables, text, images, archives. Reads little of it."""

import base64
import gzip
import io
import mimetypes
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import IO, Any

from sagelet.domain.errors import Refusal
from sagelet.web import archives
from sagelet.web.archives import UNREADABLE, Enough, opened_tar

#: How much of a text is shown, in bytes.
TEXT = 64 * 1024
#: How many members of an archive are listed.
MEMBERS = 500
#: The largest member of an archive that is taken out to be looked at, in bytes.
_MEMBER = 64 << 20
#: How many values of an array a histogram looks at.
_VALUES = 1 << 20
_BINS = 32
#: Images of a grid.
_IMAGES = 40
_SIDES = range(4, 129)

Document = dict[str, Any]


def preview(key: str, path: Path, size: int) -> Document:
    """A document with its ``kind``; ``none`` with a reason when there is nothing to show."""
    name = key.lower()
    try:
        if name.endswith(".npy"):
            return _array(path)
        if name.endswith((".tar.gz", ".tgz", ".tar")):
            return _tar(path)
        if name.endswith((".zip", ".npz")):
            return _zip(path)
        if name.endswith((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")):
            return {"kind": "image"}
        return _text(path, size, zipped=name.endswith(".gz"))
    except UNREADABLE as error:
        return {"kind": "none", "reason": f"it cannot be read as its name says: {error}"}


def member_preview(archive: Path, member: str) -> Document:
    """The size of a file in an archive, and its preview.

    Raises:
        Refusal: there is no such file in it.
    """
    with tempfile.NamedTemporaryFile() as file:
        try:
            size = _take_out(archive, member, file)
        except Enough as error:
            return _nothing(0, str(error))
        except UNREADABLE as error:
            return _nothing(0, f"the archive cannot be read: {error}")
        if size is None:
            raise Refusal("NotFound", f"The archive has no file '{member}'.", 404)
        if size > _MEMBER:
            return _nothing(size, f"inside an archive only {_MEMBER >> 20} MiB are looked at")
        file.flush()
        found = preview(member, Path(file.name), size)
        if found["kind"] == "image":
            kind = mimetypes.guess_type(member)[0] or "image/png"
            data = base64.b64encode(Path(file.name).read_bytes()).decode()
            found["data"] = f"data:{kind};base64,{data}"
        return {"size": size, "preview": found}


def _nothing(size: int, reason: str) -> Document:
    return {"size": size, "preview": {"kind": "none", "reason": reason}}


def _take_out(archive: Path, member: str, into: IO[bytes]) -> int | None:
    """The size of a member, whose bytes are copied unless they are too many; None: it is none."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as found:
            if member not in found.namelist() or member.endswith("/"):
                return None
            size = found.getinfo(member).file_size
            if size <= _MEMBER:
                with found.open(member) as source:
                    shutil.copyfileobj(source, into)
            return size
    with opened_tar(archive) as tar:
        for each in tar:
            if each.name == member and each.isfile():
                bytes_ = tar.extractfile(each)
                if bytes_ is not None and each.size <= _MEMBER:
                    shutil.copyfileobj(bytes_, into)
                return each.size
    return None


def model_files(folder: Path) -> Document:
    """The files of a model version: those in its archive, or as they lie in its folder."""
    archive = folder / "model.tar.gz"
    try:
        if archive.is_file():
            return _tar(archive)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        members = [
            {"name": str(path.relative_to(folder)), "size": path.stat().st_size, "folder": False}
            for path in files[:MEMBERS]
        ]
    except UNREADABLE as error:
        return {"kind": "none", "reason": f"its files cannot be read: {error}"}
    return {"kind": "archive", "members": members, "cut": len(files) > MEMBERS}


def _array(path: Path) -> Document:
    import numpy as np

    array = np.lib.format.open_memmap(path, mode="r")
    found: Document = {"kind": "array", "dtype": str(array.dtype), "shape": list(array.shape)}
    if array.size == 0 or array.dtype.kind not in "biuf":
        return found
    # In the order of the file, so that this is a view: in the other order it were a copy of it all.
    flat = (array.T if array.flags.f_contiguous else array).reshape(-1)
    sample = np.asarray(flat[:: max(1, flat.size // _VALUES)]).astype(np.float64)
    finite = sample[np.isfinite(sample)]
    found |= {"sampled": int(sample.size), "odd": int(sample.size - finite.size)}
    if finite.size:
        counts, edges = np.histogram(finite, bins=_BINS)
        found |= {
            "min": float(finite.min()),
            "max": float(finite.max()),
            "mean": float(finite.mean()),
            "std": float(finite.std()),
            "counts": counts.tolist(),
            "edges": edges.tolist(),
        }
    found |= {"first": [float(each) for each in array.flat[:24] if np.isfinite(each)]}
    return found | _grid(array)


def _grid(array: Any) -> Document:
    """The first images, if its rows look like images: bytes from 0 to 255, in Base64."""
    import numpy as np

    shape = array.shape[1:]
    if len(shape) == 1 and int(shape[0] ** 0.5) ** 2 == shape[0]:
        shape = (int(shape[0] ** 0.5),) * 2  # MNIST's rows
    if len(shape) == 3 and 1 in (shape[0], shape[-1]):
        shape = tuple(side for side in shape if side != 1) or shape
    if len(shape) != 2 or not all(side in _SIDES for side in shape):
        return {}
    images = np.asarray(array[:_IMAGES]).astype(np.float64).reshape(-1, *shape)
    low, high = np.nanmin(images), np.nanmax(images)
    scaled = np.nan_to_num((images - low) / ((high - low) or 1.0)) * 255
    data = base64.b64encode(scaled.astype(np.uint8).tobytes()).decode()
    return {"images": {"count": len(images), "height": shape[0], "width": shape[1], "data": data}}


def _tar(path: Path) -> Document:
    members: list[Document] = []
    found: Document = {"kind": "archive", "members": members, "cut": False}
    try:
        with opened_tar(path) as tar:
            for member in tar:
                if len(members) == MEMBERS:
                    return {**found, "cut": True}
                members.append({"name": member.name, "size": member.size, "folder": member.isdir()})
    except Enough:
        return {**found, "cut": True, "looked": archives.MOST}
    return found


def _zip(path: Path) -> Document:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    members = [
        {"name": info.filename, "size": info.file_size, "folder": info.is_dir()}
        for info in infos[:MEMBERS]
    ]
    return {"kind": "archive", "members": members, "cut": len(infos) > MEMBERS}


def _text(path: Path, size: int, *, zipped: bool) -> Document:
    file: IO[bytes]
    with path.open("rb") as raw:
        file = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if zipped else raw
        data = file.read(TEXT)
    if b"\0" in data:
        return {"kind": "none", "reason": "it is not text"}
    text = data.decode("utf-8", "replace")
    if text.count("�") > len(text) // 20 + 1:
        return {"kind": "none", "reason": "it is not text"}
    return {"kind": "text", "text": text, "cut": zipped or size > TEXT}
