"""YAML as we write it, read by somebody else's parser."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.yamltext import Anchored, Commented, Inline, Like, dump

scalars = st.one_of(
    st.text(),
    st.text(alphabet="ab: #-'\"\\\n\t{}[],&*!|>%@`~$=yn01.\u2028\x85\ufeff"),
    st.integers(),
    st.booleans(),
    st.none(),
)
documents = st.dictionaries(
    st.text(),
    st.recursive(
        scalars,
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
)


@given(documents)
def test_a_document_comes_back_as_it_went_in(document):
    assert yaml.safe_load(dump({"all": document})) == {"all": document}


@given(documents)
def test_so_it_does_on_one_line(document):
    assert yaml.safe_load(dump({"all": Inline(document)})) == {"all": document}


@pytest.mark.parametrize(
    "text",
    [
        "yes", "No", "on", "null", "~", "", " ", "1", "1.5", "1e3", "0x1f", "12:30", "12:30:45",
        ".inf", ".nan", "-", "- a", "a: b", "a #b", "#a", "&a", "*a", "!a", "a:", ": a", "=", "<<",
        "%a", "@a", "2001-01-01", "1_000", "-1", "it's", '"', "\\n", "a\n", "\na", " a\nb", "a\n\n",
        "a\r\nb", "a\tb", "\x07", "\x85", "\u2028", "\ufeff", "é", "数字", "😀", "x" * 70,
        "long and with a colon: " + "x" * 60, "x" * 70 + "\x85", "x" * 70 + "\n  y\n\n z",
    ],
)  # fmt: skip
def test_text_that_looks_like_something_else_stays_text(text):
    assert yaml.safe_load(dump({"a": text, "b": [text], text: Inline([text])})) == {
        "a": text,
        "b": [text],
        text: [text],
    }


def test_plain_words_have_no_quotes_and_long_text_is_a_block():
    assert dump(
        {"image": "a/b:1.0-cpu", "path": "./model:/opt/ml/model", "grace": "120s", "run": "a\nb\n"}
    ) == ("image: a/b:1.0-cpu\n\npath: ./model:/opt/ml/model\n\ngrace: 120s\n\nrun: |\n  a\n  b\n")


def test_what_is_common_is_said_once():
    document = {
        "x-host": Commented("All of them.", Anchored("host", {"image": "a:1"})),
        "services": {
            "one": Like("host", {"cpus": 2.0}),
            "two": Commented("The other.", Like("host", {"list": [{"a": 1, "b": Inline([])}]})),
        },
    }
    text = dump(document)
    assert text == (
        "# All of them.\nx-host: &host\n  image: a:1\n\n"
        "services:\n  one:\n    <<: *host\n    cpus: 2\n\n"
        "  # The other.\n  two:\n    <<: *host\n    list:\n      -\n        a: 1\n        b: []\n"
    )
    assert yaml.safe_load(text)["services"] == {
        "one": {"image": "a:1", "cpus": 2},
        "two": {"image": "a:1", "list": [{"a": 1, "b": []}]},
    }
