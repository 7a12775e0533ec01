"""The page: what it shows, and that nothing a client names can become markup."""

from sagelet.web.page import overview


def test_a_home_without_jobs_says_how_to_begin():
    page = overview("123456789012", "us-east-1", [])
    assert "None yet." in page
    assert "sagelet env" in page


def test_names_are_text():
    job = {
        "name": "<script>alert(1)</script>",
        "region": "eu-west-1",
        "status": "InProgress",
        "secondary": "Training",
        "created": 1.0,
    }
    page = overview("123456789012", "us-east-1", [job])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<td>Training" in page
