"""Static files as browsers ask for them."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.test import Client
from pytest_django import Settings

from mdp_site.middleware import StaticFilesMiddleware

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


@pytest.fixture
def built(tmp_path: Path, settings: Settings) -> Path:
    """A file of a build, which the process of `running` knows."""
    settings.STATIC_ROOT = tmp_path
    made = tmp_path / "app.css"
    made.write_text("old")
    return made


@pytest.fixture
def running(built: Path) -> Client:
    """A process that has read which files there are."""
    client = Client()
    assert client.get(f"/static/{built.name}").content == b"old"
    return client


@pytest.mark.parametrize("content", ["new", "a longer one", ""])
def test_a_file_that_was_rebuilt_comes_whole_and_as_a_new_one(
    built: Path, running: Client, content: str
) -> None:
    before = running.get(f"/static/{built.name}")
    built.write_text(content)
    os.utime(built, (2e9, 2e9))
    answer = running.get(
        f"/static/{built.name}", headers={"If-Modified-Since": before.headers["Last-Modified"]}
    )
    assert (answer.status_code, answer.content) == (200, content.encode())
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["ETag"] != before.headers["ETag"]
    part = running.get(f"/static/{built.name}", headers={"Range": "bytes=-2"})
    assert part.content == (content[-2:].encode() if content else b"")


def test_a_file_that_is_gone_is_not_found_and_may_come_back(built: Path, running: Client) -> None:
    built.unlink()
    assert running.get(f"/static/{built.name}").status_code == 404
    built.write_text("back")
    assert running.get(f"/static/{built.name}").content == b"back"


def test_a_file_without_its_compressed_copy_comes_as_it_is(built: Path) -> None:
    copy = built.with_name("app.css.gz")
    copy.write_bytes(b"x")
    client = Client(headers={"Accept-Encoding": "gzip"})
    assert client.get("/static/app.css").headers["Content-Encoding"] == "gzip"
    copy.unlink()
    answer = client.get("/static/app.css")
    assert (answer.content, answer.get("Content-Encoding")) == (b"old", None)


def test_the_length_is_that_of_what_is_sent(
    built: Path, running: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is replaced between the look at its size and the reading of it."""
    serve = StaticFilesMiddleware.serve

    def serve_late(static_file: Any, request: HttpRequest) -> HttpResponse:
        built.write_text("replaced just now")
        return serve(static_file, request)

    monkeypatch.setattr(StaticFilesMiddleware, "serve", staticmethod(serve_late))
    answer = running.get(f"/static/{built.name}")
    assert (answer.content, answer.headers["Content-Length"]) == (b"replaced just now", "17")
