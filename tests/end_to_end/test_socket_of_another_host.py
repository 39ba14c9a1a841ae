"""A page on one host and its socket on another one, which gets no cookie: two processes, and a real browser.

The browser sees `127.0.0.1` and `localhost` as two hosts. Cookies of one are not sent to the other.
"""

import subprocess
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from mdp_site.dev.demo.environment import free_port
from tests.end_to_end.conftest import ROOT, Demo, is_served, log_in
from tests.end_to_end.test_healing import SOON_MS, expect_healed, expect_moving_rows, mark
from tests.support.deadlines import eventually_sync, scaled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CLOSED_WITHIN_SECONDS: Final = 5
ENDPOINT: Final = "**/accounts/socket-token/"


class Process:
    """`manage.py` with the settings of the demo and some others, on a port of its own."""

    def __init__(self, demo: Demo, log_path: Path) -> None:
        self.port = free_port()
        self.settings = {"LOG_LEVEL": "DEBUG"}
        self._demo = demo
        self._log_path = log_path
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has printed, over all starts."""
        return self._log_path.read_text()

    def start(self, *program: str) -> None:
        """Start `run_web` of `manage.py` or of another program, and wait until it serves."""
        own = self._demo.command("run_web", "--port", str(self.port))
        shell, arguments = own[:5], own[5:]
        settings = [f"{name}={value}" for name, value in self.settings.items()]
        command = [*shell[:4], "env", *settings, shell[4], *(program or arguments[:1]), *arguments[1:]]
        with self._log_path.open("ab") as log:
            self._running = running = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

        def serves() -> bool:
            assert running.poll() is None, self.log
            return is_served(self.port)

        eventually_sync(serves, 60.0)

    def kill(self) -> None:
        """End it, if it runs."""
        if self._running is not None:
            self._running.kill()
            self._running.wait(timeout=5)
            self._running = None


class TwoHosts:
    """A process that serves pages, and another one that serves their sockets."""

    def __init__(self, demo: Demo, directory: Path) -> None:
        self.demo = demo
        self.sockets = Process(demo, directory / "sockets.log")
        self.address = f"ws://localhost:{self.sockets.port}/ws/"
        self.pages = Process(demo, directory / "pages.log")
        self.pages.settings["WDS_URL"] = self.address
        self.origin = f"http://127.0.0.1:{self.pages.port}"
        self.sockets.settings["SITE_URL"] = self.origin

    def handshake(self, login: str, origin: str = "") -> int:
        """The HTTP status of a handshake with a page token and without a cookie, as anybody can send it."""
        offered = [Subprotocol("mdp.v2"), Subprotocol(login)]
        try:
            with connect(
                self.address, origin=Origin(origin or self.origin), subprotocols=offered, proxy=None
            ):
                return HTTPStatus.SWITCHING_PROTOCOLS
        except InvalidStatus as refused:
            return refused.response.status_code


@pytest.fixture(scope="module")
def _hosts(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoHosts]:
    both = TwoHosts(demo, tmp_path_factory.mktemp("hosts"))
    both.pages.start()
    yield both
    both.pages.kill()


@pytest.fixture
def hosts(_hosts: TwoHosts) -> Iterator[TwoHosts]:
    """Both processes, serving."""
    _hosts.sockets.start()
    yield _hosts
    _hosts.sockets.kill()


@pytest.fixture
def live_page(hosts: TwoHosts, context: BrowserContext) -> Page:
    """The dashboard with moving rows. It has a mark that a reload would remove."""
    page = context.new_page()
    log_in(page, hosts.demo)
    page.goto(hosts.origin)
    expect_moving_rows(page)
    mark(page)
    return page


def first_token_of(page: Page) -> str:
    token: str = page.evaluate("JSON.parse(document.getElementById('mdp-config').textContent).pageToken")
    assert token.startswith("mdp.token.")
    return token


def log_out_in_another_tab(context: BrowserContext, hosts: TwoHosts) -> None:
    tab = context.new_page()
    tab.goto(f"{hosts.origin}/accounts/sessions/")
    tab.get_by_role("banner").get_by_role("button", name="Log out").click()
    tab.wait_for_url("**/accounts/login/**")


def expect_the_way_to_the_login(page: Page, within_seconds: float) -> None:
    badge = page.locator("mdp-connection")
    expect(badge).to_contain_text("Logged out", timeout=scaled(within_seconds) * 1_000)
    badge.get_by_role("link", name="Log in again").click()
    page.wait_for_url("**/accounts/login/**")


def test_boards_are_live_over_a_socket_that_gets_the_token_and_no_cookie(
    hosts: TwoHosts, live_page: Page, context: BrowserContext
) -> None:
    handshakes: list[dict[str, Any]] = []
    addresses: list[str] = []
    protocol = context.new_cdp_session(live_page)
    protocol.on("Network.webSocketCreated", lambda event: addresses.append(event["url"]))
    protocol.on(
        "Network.webSocketWillSendHandshakeRequest", lambda event: handshakes.append(event["request"])
    )
    protocol.send("Network.enable")
    live_page.reload()
    expect_moving_rows(live_page)
    token = first_token_of(live_page)

    assert addresses == [hosts.address]
    [handshake] = handshakes
    headers = {name.lower(): value for name, value in handshake["headers"].items()}
    assert headers["host"] == f"localhost:{hosts.sockets.port}"
    assert "cookie" not in headers
    assert headers["sec-websocket-protocol"] == f"mdp.v2, {token}"
    kept: str = live_page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    for place in (hosts.pages.log, hosts.sockets.log, kept):
        assert "mdp.token" not in place
        assert token.removeprefix("mdp.token.") not in place
    assert "[debug" in hosts.sockets.log  # so all that a library would say of a handshake is there


def test_a_page_may_connect_to_its_site_and_its_socket_and_nowhere_else(
    hosts: TwoHosts, live_page: Page
) -> None:
    answer = live_page.reload()
    assert answer is not None
    policy = answer.headers["content-security-policy"].split("; ")
    assert f"connect-src 'self' {hosts.address}" in policy
    assert "unsafe" not in str(policy)
    refused = """address => new Promise(resolve => {
        document.addEventListener("securitypolicyviolation", event => resolve(event.effectiveDirective));
        new WebSocket(address).onopen = () => resolve("open");
    })"""
    for elsewhere in (hosts.address.replace("localhost", "127.0.0.1"), hosts.address.replace("/ws/", "/")):
        assert live_page.evaluate(refused, elsewhere) == "connect-src"


def test_a_page_comes_back_with_a_new_token_after_its_first_one_has_expired(
    hosts: TwoHosts, live_page: Page
) -> None:
    requested: set[str] = set()

    def note(request: Request) -> None:
        requested.add(request.url)

    live_page.on("request", note)
    first = first_token_of(live_page)
    hosts.sockets.kill()
    expect(live_page.locator("mdp-connection")).to_contain_text("Offline", timeout=SOON_MS)
    live_page.route(ENDPOINT, lambda route: route.abort())  # the site is away, too
    hosts.sockets.start("-m", "tests.support.short_page_tokens")
    eventually_sync(lambda: hosts.handshake(first) == HTTPStatus.FORBIDDEN, 30.0)
    with live_page.expect_event("requestfailed", timeout=scaled(60) * 1_000):
        pass
    expect(live_page.locator("mdp-connection")).to_contain_text("Offline")
    live_page.unroute(ENDPOINT)
    expect_healed(live_page)
    assert {address for address in requested if "token" in address} == {
        f"{hosts.origin}/accounts/socket-token/"
    }


def test_a_logout_closes_the_socket_within_seconds_and_ends_the_tokens(
    hosts: TwoHosts, live_page: Page, context: BrowserContext
) -> None:
    captured = first_token_of(live_page)
    assert hosts.handshake(captured) == HTTPStatus.SWITCHING_PROTOCOLS
    assert hosts.handshake(captured) == HTTPStatus.SWITCHING_PROTOCOLS  # until it expires, not once
    assert hosts.handshake(captured, origin="http://evil.example") == HTTPStatus.FORBIDDEN
    assert hosts.handshake(captured[:-1] + ("A" if captured[-1] != "A" else "B")) == HTTPStatus.FORBIDDEN
    log_out_in_another_tab(context, hosts)
    expect_the_way_to_the_login(live_page, CLOSED_WITHIN_SECONDS)
    assert hosts.handshake(captured) == HTTPStatus.FORBIDDEN


def test_a_page_whose_login_ends_while_its_socket_is_lost_stops_and_leads_to_the_login(
    hosts: TwoHosts, live_page: Page, context: BrowserContext
) -> None:
    hosts.sockets.kill()
    expect(live_page.locator("mdp-connection")).to_contain_text("Offline", timeout=SOON_MS)
    log_out_in_another_tab(context, hosts)
    expect_the_way_to_the_login(live_page, 60)
