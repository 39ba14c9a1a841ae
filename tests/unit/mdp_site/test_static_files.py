"""Static files as browsers ask for them."""

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

PATH = "admin/css/base.css"
URL = f"/static/{PATH}"


@pytest.fixture
def content() -> bytes:
    with open(str(finders.find(PATH)), "rb") as file:  # noqa: PTH123 - finders speak of paths as text
        return file.read()


def test_a_file_comes_whole_with_its_type(content: bytes) -> None:
    answer = Client().get(URL)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Type"] == 'text/css; charset="utf-8"'
    assert not answer.streaming


def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    modified = Client().get(URL).headers["Last-Modified"]
    answer = Client().get(URL, headers={"If-Modified-Since": modified})
    assert (answer.status_code, answer.content) == (304, b"")
    assert "Content-Type" not in answer.headers


def test_a_part_of_a_file_can_be_had(content: bytes) -> None:
    answer = Client().get(URL, headers={"Range": "bytes=2-11"})
    assert (answer.status_code, answer.content) == (206, content[2:12])


def test_nothing_outside_the_static_files_is_sent() -> None:
    assert Client().get("/static/../manage.py").status_code == 404


def test_pages_without_an_icon_of_their_own_find_the_sites() -> None:
    assert Client().get("/favicon.ico").headers["Location"] == "/static/widgets/favicon.svg"
