"""What holds for every source file."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for folder in ("runtime/sagelet", "containers/toolkit")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
TESTS = {str(p.relative_to(ROOT)): p.read_text() for p in sorted((ROOT / "tests").rglob("*.py"))}

#: All that people read as code, whatever runs it; what others wrote lies in folders `vendor`.
WRITTEN = {
    str(path.relative_to(ROOT)): path.read_text()
    for folder in ("runtime", "containers", "tests", "benchmarks", "docs", "examples")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".js", ".css", ".html", ".sql", ".sh"} and "vendor" not in path.parts
}

# Spelt apart, so that this file is not its own first find.
UNFINISHED = re.compile("TO" + "DO|FIX" + "ME")
DOUBLES = re.compile(
    r"^\s*(from|import) (unittest|mo" + r"ck|pytest_mo" + r"ck)\b|Magic" + "Mock", re.MULTILINE
)


def those(files, offends):
    return [name for name, text in files.items() if offends(text)]


def test_there_are_sources_and_tests():
    assert len(SOURCES) > 50
    assert len(TESTS) > 10


def test_sources_are_short():
    assert set(SOURCES) | set(TESTS) < set(WRITTEN)
    assert those(WRITTEN, lambda text: len(text.splitlines()) > 500) == []


def test_modules_say_what_belongs_in_them():
    assert those(SOURCES, lambda text: not ast.get_docstring(ast.parse(text))) == []


def test_nothing_is_left_to_be_done():
    assert those(SOURCES | TESTS, UNFINISHED.search) == []


def test_imports_are_absolute():
    def relative(text):
        return any(isinstance(n, ast.ImportFrom) and n.level for n in ast.walk(ast.parse(text)))

    assert those(SOURCES, relative) == []


def test_tests_have_no_mocks():
    assert those(TESTS, DOUBLES.search) == []
