"""Copy as boto3 in a real browser: what is copied runs with stock boto3 and gets what is shown."""

import json
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

from support.clients import client_python
from support.pages import clients, go, shows
from support.serve import Plane

Open = Any

CLIPBOARD = ("clipboard-read", "clipboard-write")

#: Pages, a text that they show once they are whole, and what their code prints and does not.
PAGES = {
    "": ("Ended last", ["prepare Completed", "search Completed", "digits"], []),
    "jobs": ("done", ["done Completed", "failed Failed", "prepare Completed"], []),
    "jobs?filter=status:failed": ("failed", ["failed Failed"], ["done Completed", "prepare"]),
    "jobs?filter=metric.loss+<+0.1+DON": ("done", ["done Completed"], ["failed", "search"]),
    "jobs?filter=tuning:search&sort=name&up=1": ("search-0", ["search-0"], ["done Completed"]),
    "jobs?filter=kind:processing": ("prepare", ["prepare Completed"], ["done Completed"]),
    "jobs/done": ("40 values", ["Completed", "loss 0.025", "(39, 0.025)"], []),
    "jobs/done/logs": ("step 39", ["step 0 loss=1.0000", "step 39", "done/algo-1"], []),
    "jobs/done/logs?find=STEP+39&regex=1": ("step 39", ["step 39"], ["step 38"]),
    "jobs/done/files": ("Outputs", ["model.tar.gz"], []),
    "jobs/done/request": ("CreateTrainingJob", ['"TrainingJobName": "done"'], []),
    "jobs/used/system": ("summed over cores", ["used/algo-1 CPUUtilization [("], []),
    "processing/prepare": ("three rows", ["Completed", "three rows", "rows"], []),
    "processing/prepare/logs": ("prepared 3", ["prepared 3"], []),
    "tuning": ("search", ["search Completed"], []),
    "tuning/search": ("4 of 4", ["search-0", "'lr'"], []),
    "experiments": ("digits", ["digits", "from-jobs"], []),
    "experiments/digits": ("3 lines", ["digits-32-training", "digits-prepare"], ["from-jobs"]),
    "experiments/digits?filter=parameter.width+<+20+parameter.optimizer+%3D+sgd": (
        "1 component found",
        ["digits-16-training"],
        ["digits-8-training", "digits-32-training"],
    ),
    "experiments/-": ("In no trial", ["failed-aws-training-job"], ["digits-prepare"]),
    "trials/digits-8": ("From data to model", ["digits-8-training", "digits-prepare"], []),
    "components/digits-8-training": ("Precision and recall", ["digits-8-training", "'lr'"], []),
    "compare?e=digits": ("The same in all", ["digits-32-training", "digits-8-training"], []),
    "compare?c=done&c=digits-8-training": (
        "The same in all",
        ["done-aws-training-job", "digits-8-training"],
        ["digits-32"],
    ),
    "storage": ("bucket", ["bucket", "tracked-digits"], []),
    "storage/tracked-digits": ("digits", ["trial-component-artifacts/"], []),
    "storage/bucket?key=a.csv": ("a.csv", ["x,y"], []),
}


#: Runs every text of a file with one Python, each by itself; what they print, in their order.
RUNNER = """
import contextlib, io, json, sys
said = []
for code in json.load(open(sys.argv[1])):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "copied", "exec"), {"__name__": "__main__"})
    said.append(out.getvalue())
print(json.dumps(said))
"""


def copied(page: Any) -> str:
    page.evaluate("navigator.clipboard.writeText('')")
    page.get_by_role("button", name="Copy as").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()) !== ''")
    return str(page.evaluate("navigator.clipboard.readText()"))


def run(plane: Plane, folder: Path, *codes: str) -> list[str]:
    """What copied texts print, with stock boto3 and what ``sagelet env`` sets."""
    file = folder / "codes.json"
    file.write_text(json.dumps(codes))
    command = [str(client_python("boto3")), "-c", RUNNER, str(file)]
    said: list[str] = json.loads(plane.command(command, timeout=120))
    return said


def test_what_is_copied_gets_what_is_shown(see: Open, plane: Plane, tmp_path: Path) -> None:
    page = see("nowhere", permissions=CLIPBOARD)
    codes = []
    for path, (text, _, _) in PAGES.items():
        go(page, path)
        shows(page, text)
        codes.append(copied(page))
    said = run(plane, tmp_path, *codes)
    for (path, (_, there, absent)), code, printed in zip(PAGES.items(), codes, said, strict=True):
        for each in there:
            assert each in printed, f"{path}\n{code}\n{printed}"
        for each in absent:
            assert each not in printed, f"{path}\n{code}\n{printed}"


def test_a_member_of_an_archive_and_another_region(see: Open, plane: Plane, tmp_path: Path) -> None:
    [s3] = clients(plane, "s3")
    (tmp_path / "weights").write_bytes(bytes(1000))
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "weights", "weights")
    s3.upload_file(str(tmp_path / "model.tar.gz"), "bucket", "m/model.tar.gz")
    page = see("storage/bucket?key=m/model.tar.gz&member=weights", permissions=CLIPBOARD)
    page.get_by_label("Preview").wait_for()
    member = copied(page)
    [far] = clients(plane, "sagemaker", region="eu-north-1")
    far.create_experiment(ExperimentName="up-north")
    go(page, "experiments?region=eu-north-1")
    shows(page, "up-north")
    said = run(plane, tmp_path, member, copied(page))
    assert said[0].startswith("1000 ")
    assert "up-north" in said[1]
    assert "digits" not in said[1]


def test_what_has_no_operation_is_a_line_of_curl(see: Open, plane: Plane) -> None:
    page = see("calls", permissions=CLIPBOARD)
    shows(page, "sagemaker")
    line = copied(page)
    assert line.startswith(f"curl -s '{plane.url}/_api/calls")
    with urllib.request.urlopen(line.split("'")[1]) as answer:
        assert json.load(answer)["rows"]


def test_it_is_copied_by_a_key_and_found_by_words(see: Open) -> None:
    page = see("trials/digits-8", permissions=CLIPBOARD)
    shows(page, "From data to model")
    page.keyboard.press("Shift+Y")
    page.get_by_text("Copied.").wait_for()
    first = page.evaluate("navigator.clipboard.readText()")
    assert 'TrialName="digits-8"' in first
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("copy what is here as code").wait_for()
    page.keyboard.press("Escape")
    page.evaluate("navigator.clipboard.writeText('')")
    page.keyboard.press("/")
    page.get_by_placeholder("Find a page").fill("boto3")
    page.get_by_role("option", name="Copy as boto3").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('boto3')")
    go(page, "nowhere")
    shows(page, "There is no such page")
    assert page.get_by_role("button", name="Copy as").count() == 0
