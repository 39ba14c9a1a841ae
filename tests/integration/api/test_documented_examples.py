"""The examples of docs/api.md do what the page says."""

import asyncio
import itertools
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Final

import pytest

from mdp_site.accounts.roles import OPERATORS
from mdp_site.accounts.scopes import scopes_for
from mdp_site.api.assembly import document
from mdp_site.api.operations import DESCRIBED
from mdp_site.api.problems import KINDS
from mdp_site.web_settings import WebSettings
from tests.support.api_site import BASE, ApiSite

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs/api.md").read_text(encoding="utf-8")
OF_THE_PLATFORM: Final = ("operations", "control")
COMMANDS: Final = [
    command.replace("\\\n", " ") for command in re.findall(r"^curl (?:.*\\\n)*.*$", PAGE, re.MULTILINE)
]
[PROGRAM] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_is_answered(api: ApiSite, command: str) -> None:
    secret, _ = await api.token("ada", role=OPERATORS)
    filled = command.replace("$MDP_TOKEN", secret).replace("$MDP_SITE", "")
    [_, *arguments, path] = shlex.split(filled)
    named = dict(itertools.pairwise(arguments))
    method = named.get("-X", "HEAD" if "-I" in arguments else "GET")
    given = [each.partition(": ") for each in arguments if re.match(r"[A-Za-z-]+: ", each)]
    headers = {name: value for name, _, value in given}
    assert "Authorization" in headers
    answer = await api.client(**headers).ask(method, path, named.get("-d", "").encode() or None)
    assert answer.status in {200, 202}, answer.body
    if method in {"GET", "HEAD"}:
        assert "/services" in path or answer.headers["MDP-State"] == "live"


async def test_the_program_runs(api: ApiSite) -> None:
    secret, _ = await api.token("ada")
    environment = os.environ | {"MDP_TOKEN": secret, "MDP_SITE": api.site.origin}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, env=environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    assert child.returncode == 0
    assert said.decode().splitlines() == [
        "1 AAPL 10.0",
        "2 MSFT 5e-05",
        "3 XYZ None",
        *(f"AAPL {price}" for price in (14.0, 13.0, 12.0, 11.0, 10.0)),
    ]


def test_the_page_has_every_path_with_its_scope() -> None:
    rows = re.findall(r"^\| (`/.+?) \| ?(.*?) ?\|", PAGE, re.MULTILINE)
    listed = {
        path.partition("?")[0]: scope.strip("`")
        for paths, scope in rows
        for path in re.findall(r"`(/[^`]*)`", paths)
    }
    parts = {
        "top_gainers": "{board}",
        "AAPL": "{symbol}",
        "daily_range_hod_alert": "{name}",
        "close": "{name}",
    }
    needed = {}
    for each in DESCRIBED.values():
        if each.permission in OF_THE_PLATFORM:
            continue
        path = each.example.partition("?")[0]
        for value, name in parts.items():
            path = path.replace(value, name)
        needed[path] = each.permission
    del needed["/openapi.json"]  # it is in the text
    assert f"`{BASE}/openapi.json`" in PAGE
    assert listed == needed


def test_the_page_has_every_operation_about_the_platform_with_its_scope() -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/[^`?]*)[^`]*` \| `(.*?)` \|", PAGE, re.MULTILINE)
    listed = {(method, path): scope for method, path, scope in rows}
    needed = {}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            permission = DESCRIBED[operation["operationId"]].permission
            if permission in OF_THE_PLATFORM:
                [needed[method.upper(), path.removeprefix(BASE)]] = scopes_for(permission)
    assert listed == needed


def test_the_page_has_every_kind_of_problem_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.*?) \|", PAGE, re.MULTILINE)
    listed = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert listed == {code: kind.status.value for code, kind in KINDS.items()}


def test_the_page_has_the_limits_that_hold_by_default() -> None:
    limits = WebSettings()
    assert f"may ask {limits.api_requests_per_second:g} times a second on average" in PAGE
    assert f"all tokens {limits.api_requests_per_second_of_user:g} times" in PAGE
    burst = limits.api_requests_per_second * limits.api_burst_seconds
    assert f"{limits.api_changes_per_second:g} changes a second" in PAGE
    assert f"{limits.api_burst_seconds:g} s ahead of that: {burst:g} requests at once" in " ".join(
        PAGE.split()
    )
