"""The documentation says what the code does."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["cli.md", "lifecycle.md", "settings.md", "images.md", "operations.md"]
)
def test_reference_pages_are_what_the_code_says(name):
    written = (ROOT / "docs" / "reference" / name).read_text()
    assert written == generator().PAGES[name](), "run `make docs`"


def test_every_variable_the_settings_read_is_documented():
    source = (ROOT / "runtime" / "sagelet" / "settings.py").read_text()
    body = source[source.index("def from_environ") :]
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    for name in re.findall(r'environ\.get\("(\w+)"\)', body):
        if name not in ("HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
            assert f"{name}" in page, name


def test_readme_starts_with_the_training_and_the_testing_command():
    commands = re.findall(r"^(make \S+.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [command.split("#")[0].strip() for command in commands[:2]] == [
        "make train-torch",
        "make test",
    ]


def test_every_make_target_in_the_docs_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(
            r"(?:^|`|\$ )(?:[A-Z]+=\w+ )*make ([a-z-]+)", page.read_text(), re.MULTILINE
        ):
            assert target in targets, f"{page.name}: make {target}"


def test_every_link_inside_the_docs_leads_somewhere():
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.relative_to(ROOT)}: {link}"


def test_extras_pin_what_the_images_install():
    pyproject = (ROOT / "pyproject.toml").read_text()
    for framework in ("pytorch", "sklearn", "tensorflow"):
        pins = (ROOT / "containers" / framework / "requirements.txt").read_text()
        for line in pins.splitlines():
            if line.startswith(("torch", "tensorflow", "scikit-learn", "pandas")):
                assert f'"{line.replace(chr(34), chr(39))}"' in pyproject
