"""Static files as browsers ask for them."""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.templatetags.static import static
from django.test import Client
from pytest_django import Settings

from mdp_site.middleware import StaticFilesMiddleware
from mdp_site.static_files import BUNDLE

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


@pytest.fixture
def collected(tmp_path: Path, settings: Settings) -> Path:
    """The browser's files of a production site, as `collectstatic` leaves them."""
    settings.STATIC_ROOT = tmp_path
    settings.WHITENOISE_USE_FINDERS = False
    storage = {"staticfiles": {"BACKEND": "mdp_site.static_files.SiteStaticFilesStorage"}}
    settings.STORAGES = settings.STORAGES | storage
    # Without the files of the admin and the login library, to be fast.
    call_command("collectstatic", "-i", "admin", "-i", "account", interactive=False, verbosity=0)
    return tmp_path


def test_no_file_of_the_bundle_has_two_addresses_in_a_page(collected: Path) -> None:
    """A page names the files that its program imports; by another name the browser would load them again."""
    tags = Template('{% load django_vite %}{% vite_asset "src/main.ts" %}').render(Context())
    named = set(re.findall(r'(?:src|href)="([^"]+\.js)"', tags))
    [program] = [url for url in named if "/main-" in url]
    text = (collected / program.removeprefix("/static/")).read_text()
    imported = {urljoin(program, name) for name in re.findall(r'from\s*["\'`](\./[^"\'`]+)["\'`]', text)}
    assert any("/grid-" in url for url in imported)
    assert imported <= named


def test_browsers_keep_each_file_whose_name_has_a_hash(collected: Path) -> None:
    [grid] = [path.name for path in (collected / BUNDLE).glob("grid-*.js")]
    icon = static("widgets/favicon.svg")
    assert icon != "/static/widgets/favicon.svg"
    for url, is_kept in (
        (f"/static/{BUNDLE}{grid}", True),
        (icon, True),
        ("/static/widgets/favicon.svg", False),
    ):
        answer = Client().get(url)
        assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, is_kept)
