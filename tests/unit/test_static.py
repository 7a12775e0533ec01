"""The page's own files: kept for ever under a digest, never a file of anybody else's."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from sagelet.web import static
from sagelet.web.static import Files

ASSETS = Path(static.__file__).with_name("assets")


def test_every_address_is_the_page():
    for path in ("", "jobs", "jobs/a/logs"):
        answer = Files().answer(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert b'<div id="app">' in answer.body
        assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_styles_are_in_the_page_and_allowed_by_their_digest():
    answer = Files().answer("")
    [styles] = re.findall(rb"<style>(.*?)</style>", answer.body, re.DOTALL)
    assert b"--accent" in styles
    digest = base64.b64encode(hashlib.sha256(styles).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'self' 'sha256-{digest}';" in policy
    assert b'rel="stylesheet"' not in answer.body
    assert {file.stem for file in (ASSETS / "styles").iterdir()} == set(static._STYLES)


def test_a_page_preloads_what_it_needs_and_nothing_else():
    files = Files()

    def preloaded(path):
        return re.findall(
            rb'modulepreload" href="/_ui/assets/\w+/([^"]+)"', files.answer(path).body
        )

    job = preloaded("jobs/a/logs")
    assert {b"pages/job.js", b"parts/log.js", b"vendor/preact-htm.js"} < set(job)
    assert len(job) == len(set(job))
    assert b"pages/jobs.js" in preloaded("jobs/")
    assert b"pages/job.js" not in preloaded("jobs/")
    assert b"parts/log.js" not in preloaded("")
    assert [each for each in preloaded("nowhere") if each.startswith(b"pages/")] == []


def test_every_page_of_the_app_is_known():
    app = (ASSETS / "app.js").read_text()
    assert set(re.findall(r'^    case "(\w*)":', app, re.MULTILINE)) == set(static._PAGES)
    named = {name for pair in static._PAGES.values() for name in pair}
    parts = {"job-metrics", "job-system"}
    assert named == {file.stem for file in (ASSETS / "pages").glob("*.js")} - parts
    lazy = (ASSETS / "parts" / "lazy.js").read_text()
    assert set(re.findall(r'import\("../pages/([\w-]+)\.js"\)', lazy)) == named


def test_files_are_kept_under_their_digest_only():
    files = Files()
    kept = files.answer(f"assets/{files.digest()}/app.js")
    assert kept.headers["content-type"].startswith("text/javascript")
    assert "immutable" in kept.headers["cache-control"]
    assert files.answer("assets/0/app.js").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    ["../static.py", "..%2fstatic.py", "/etc/passwd", "nothing.js", "", ".hidden.js", "core"],
)
def test_other_files_are_not_there(name):
    assert Files().answer(f"assets/0/{name}").status_code == 404


def test_the_digest_follows_the_files(tmp_path):
    (tmp_path / "index.html").write_text("<!-- modules -->{digest}")
    files = Files(tmp_path, fresh=0)
    before = files.digest()
    (tmp_path / "app.js").write_text("1")
    assert files.digest() != before


def test_nothing_is_asked_of_other_machines():
    for file in ASSETS.rglob("*"):
        if file.suffix in (".js", ".css", ".html") and "vendor" not in file.parts:
            text = file.read_text()
            for scheme in ("http://", "https://", "url(", "@import"):
                assert scheme not in text, file


def test_vendored_files_are_what_they_were():
    folder = ASSETS / "vendor"
    listed = json.loads((folder / "VENDOR.json").read_text())
    there = {file.name for file in folder.iterdir()} - {"VENDOR.json"}
    assert {each["file"] for each in listed} == there
    for each in listed:
        digest = hashlib.sha256((folder / each["file"]).read_bytes()).hexdigest()
        assert digest == each["sha256"], each["file"]
        assert each["licence"]
        assert each["version"]
