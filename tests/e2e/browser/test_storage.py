"""Storage in a real browser: pictures, what is in archives, files and folders that are dropped."""

import base64
import io
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.pages import clients, shows, train
from support.serve import Plane

Open = Any

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


@pytest.fixture(scope="module")
def stored(plane: Plane) -> None:
    [s3] = clients(plane, "s3")
    s3.create_bucket(Bucket="shown")
    model = archive(config_json=b'{"lr": 0.25}', plot_png=PNG, evil_html=b"<script>x</script>")
    for key, data in (
        ("pictures/dot.png", PNG),
        ("pictures/broken.png", b"not a picture"),
        ("model.tar.gz", model),
        ("broken.tar.gz", b"not an archive"),
        ("empty.csv", b""),
    ):
        s3.put_object(Bucket="shown", Key=key, Body=data)


@pytest.mark.usefixtures("stored")
def test_a_picture_is_shown(see: Open) -> None:
    page = see("storage/shown")
    page.get_by_role("link", name="pictures").click()
    page.get_by_role("link", name="dot.png").click()
    shows(page, " 1 pixels")
    assert page.locator("img.shown").evaluate("(image) => image.naturalWidth") == 1
    page.get_by_role("link", name="broken.png").click()
    shows(page, "the browser cannot read it as an image")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("width", [1440, 390])
def test_members_of_an_archive_are_looked_at(see: Open, width: int) -> None:
    page = see("storage/shown?key=model.tar.gz", width)
    page.get_by_role("link", name="config.json").click()
    shows(page, '"lr": 0.25')
    assert "member=config.json" in page.url
    page.get_by_label("Preview").get_by_role("link", name="model.tar.gz").click()
    page.get_by_role("link", name="plot.png").click()
    shows(page, " 1 pixels")
    page.go_back()
    page.get_by_role("link", name="evil.html").click()
    shows(page, "<script>x</script>")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(page.url.split("?")[0] + "?key=broken.tar.gz")
    shows(page, "it cannot be read as its name says")


def test_the_model_of_a_job_is_looked_into(see: Open, plane: Plane) -> None:
    train(plane, "kept", "--output", "s3://bucket/models", LINES="1")
    page = see("jobs/kept/files")
    page.get_by_role("link", name="model.tar.gz").click()
    page.get_by_role("link", name="weights").click()
    shows(page, "it is not text")


def drop(page: Any, *paths: Path) -> None:
    """Let files fall onto the page's heading, as a file manager does."""
    session = page.context.new_cdp_session(page)
    box = page.locator("h1").bounding_box()
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + 5, "y": box["y"] + 5}
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
        if kind == "dragOver":
            page.locator(".drop").wait_for()


def test_files_and_folders_are_dropped_anywhere_on_the_page(
    see: Open, plane: Plane, tmp_path: Path
) -> None:
    [s3] = clients(plane, "s3")
    s3.create_bucket(Bucket="dropped")
    (tmp_path / "two <b>.txt").write_text("second")
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "three.csv").write_text("a,b\n")
    page = see("storage/dropped?prefix=in/")
    shows(page, "Nothing here")
    drop(page, tmp_path / "two <b>.txt", tmp_path / "data")
    page.get_by_text("2 files stored.").wait_for()
    assert page.locator(".drop").count() == 0
    page.get_by_role("link", name="two <b>.txt").click()
    shows(page, "second")
    found = s3.list_objects_v2(Bucket="dropped")["Contents"]
    assert [each["Key"] for each in found] == ["in/data/deep/three.csv", "in/two <b>.txt"]


def test_versions_of_a_model_have_the_values_of_their_jobs(see: Open, plane: Plane) -> None:
    train(plane, "told-of", LINES="4")
    page = see("models")
    page.get_by_role("row").filter(has_text="told-of").get_by_role("link").first.click()
    versions = page.get_by_label("Versions").first
    versions.get_by_role("columnheader", name="loss").wait_for()
    row = versions.get_by_role("row").filter(has_text="told-of")
    row.get_by_role("button", name="0.25").wait_for()


@pytest.mark.usefixtures("stored")
def test_a_table_without_rows_is_shown(see: Open) -> None:
    page = see("storage/shown?key=empty.csv")
    shows(page, "It has no rows.")


@pytest.mark.usefixtures("stored")
def test_a_page_that_cannot_be_drawn_says_so_and_is_tried_again(see: Open) -> None:
    page = see("settings")
    page.get_by_role("heading", name="Settings").first.wait_for()
    page.route("**/_api/storage", lambda route: route.fulfill(json={"buckets": None}))
    page.get_by_role("link", name="Storage").click()
    shows(page, "This page could not be drawn")
    page.get_by_role("link", name="Models").click()  # the frame goes on
    page.get_by_role("heading", name="Models").first.wait_for()
    page.get_by_role("link", name="Storage").click()
    shows(page, "This page could not be drawn")
    page.unroute("**/_api/storage")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("link", name="shown").wait_for()


def test_more_of_a_folder_does_not_come_into_another(see: Open, plane: Plane) -> None:
    [s3] = clients(plane, "s3")
    s3.create_bucket(Bucket="long")
    for number in range(302):
        s3.put_object(Bucket="long", Key=f"one/{number:03}", Body=b"")
    s3.put_object(Bucket="long", Key="two/last", Body=b"")
    page = see("storage/long?prefix=one/")
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route(re.compile("storage/long.*after="), hold)
    page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="long").click()
    page.get_by_role("link", name="two").click()
    page.get_by_role("link", name="last").wait_for()
    while not held:
        page.wait_for_timeout(20)
    with page.expect_response(re.compile("storage/long.*after=")):
        held[0].continue_()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert page.get_by_label("Objects").locator("a.file").count() == 1


def test_what_is_stored_shows_up_by_itself(see: Open, plane: Plane) -> None:
    [s3] = clients(plane, "s3")
    page = see("storage")
    page.get_by_role("heading", name="Storage").first.wait_for()
    s3.create_bucket(Bucket="growing")
    page.get_by_role("link", name="growing").click()
    shows(page, "Nothing here")
    s3.put_object(Bucket="growing", Key="told.txt", Body=b"first")
    page.get_by_role("link", name="told.txt").click()
    shows(page, "first")
    s3.put_object(Bucket="growing", Key="told.txt", Body=b"second")
    shows(page, "second")
    s3.put_object(Bucket="growing", Key="other.txt", Body=b"")
    page.get_by_role("link", name="other.txt").wait_for()
    s3.delete_object(Bucket="growing", Key="told.txt")
    page.get_by_role("link", name="told.txt").wait_for(state="detached")
    page.get_by_label("Preview").wait_for(state="detached")
    shows(page, "does not exist")


def test_a_version_of_a_model_shows_up_by_itself(see: Open, plane: Plane) -> None:
    train(plane, "newborn-1", "--model", "newborn", LINES="1")
    page = see("models/newborn")
    page.get_by_label("Versions").first.get_by_role("link", name="newborn-1").wait_for()
    train(plane, "newborn-2", "--model", "newborn", LINES="1")
    page.get_by_label("Versions").first.get_by_role("link", name="newborn-2").wait_for()
