"""Pages over a list that changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.aws.paging import page, token_for, token_of
from sagelet.domain.errors import ValidationException


def over(rows):
    return lambda cursor, count: [
        (row, row) for row in sorted(rows) if cursor is None or row > cursor
    ][:count]


def ask(rows, **request):
    return page("ListThings", request, over(rows), str, result="Things")


@given(st.sets(st.integers(0, 200)), st.integers(1, 50))
def test_all_is_seen_once(rows, size):
    seen, request = [], {"MaxResults": size}
    while True:
        answer = ask(rows, **request)
        assert 0 < len(answer["Things"]) <= size or not rows
        seen += answer["Things"]
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    assert seen == [str(row) for row in sorted(rows)]


def test_what_comes_and_goes_meanwhile_moves_nothing():
    rows = set(range(0, 20, 2))
    first = ask(rows, MaxResults=3)
    rows = rows - {0, 4} | {1, 5}
    assert ask(rows, MaxResults=3, NextToken=first["NextToken"])["Things"] == ["5", "6", "8"]


def test_ten_are_a_page():
    assert len(ask(range(30))["Things"]) == 10


@given(st.text(max_size=30) | st.binary(max_size=30).map(lambda b: b.decode("latin-1")))
def test_any_other_token_is_refused(token):
    if token:
        with pytest.raises(ValidationException, match="Invalid pagination token"):
            ask(range(30), NextToken=token)


def test_a_token_belongs_to_its_request():
    token = ask(range(30), NameContains="a")["NextToken"]
    assert ask(range(30), NameContains="a", MaxResults=2, NextToken=token)["Things"] == ["10", "11"]
    with pytest.raises(ValidationException, match="made for another request"):
        ask(range(30), NameContains="b", NextToken=token)
    with pytest.raises(ValidationException, match="made for another request"):
        page("ListOthers", {"NameContains": "a", "NextToken": token}, over([]), str, result="x")


def test_lists_with_ways_of_their_own():
    request = {"logGroupName": "g", "limit": 5}
    token = token_for("GetLogEvents", request, "nextToken", ["f", 12], without=["limit"])
    again = {"logGroupName": "g", "limit": 6, "nextToken": token}
    assert token_of("GetLogEvents", again, "nextToken", without=["limit"]) == ["f", 12]
    assert token_of("GetLogEvents", request, "nextToken") is None
