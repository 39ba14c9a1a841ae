"""What a newcomer sees: `make demo`, a login, and a market that moves."""

import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.end_to_end.conftest import Demo, go_through_provider, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

BOARDS = {
    "scanners:top_gainers": "Top gainers",
    "scanners:top_losers": "Top losers",
    "scanners:top_gappers": "Top gappers",
    "scanners:top_gap_downs": "Gap-downs",
    "scanners:top_volume": "Top volume",
    "scanners:top_trades": "Top trades",
}
"""Feeds of the boards that always have rows, with the tabs that show them."""
FIRST_PAUSE_SECONDS = 240
"""The demo's market has its first trading pause 150 s after it begins."""
VERSION_2 = Subprotocol("mdp.v2")


def cell_texts(page: Page, board: str) -> list[str]:
    return page.locator(f'mdp-leaderboard[feed="{board}"] .ag-row [role="gridcell"]').all_inner_texts()


def test_the_demo_says_what_it_does_while_it_starts(demo: Demo) -> None:
    for name in (
        "cache",
        "identity",
        "simulator",
        "web",
        "listener",
        "processor",
        "scanner",
        "reference data",
    ):
        assert f"{name} ready" in demo.output


def test_anonymous_visitors_are_sent_to_the_login(page: Page, demo: Demo) -> None:
    page.goto(demo.address)
    expect(page).to_have_url(re.compile(r"/accounts/login/"))


def test_after_the_login_all_boards_fill_and_move(page: Page, demo: Demo) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    log_in(page, demo)
    for board, tab in BOARDS.items():
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(f'mdp-leaderboard[feed="{board}"] .ag-row').first).to_be_visible(timeout=20_000)
        before = cell_texts(page, board)
        page.wait_for_function(
            """([feed, before]) => {
                const board = document.querySelector(`mdp-leaderboard[feed="${feed}"]`);
                const cells = board.querySelectorAll('.ag-row [role="gridcell"]');
                return JSON.stringify([...cells].map((cell) => cell.innerText)) !== before;
            }""",
            arg=[board, json.dumps(before, separators=(",", ":"), ensure_ascii=False)],
            timeout=20_000,
        )
    expect(page.locator("mdp-connection")).to_contain_text(re.compile("live", re.IGNORECASE))
    assert complaints == []


def test_new_highs_and_lows_arrive(page: Page, demo: Demo) -> None:
    log_in(page, demo)
    lines = page.locator("mdp-alerts tbody tr")
    expect(lines.first).to_be_visible(timeout=60_000)
    before = lines.first.inner_text()
    expect(lines.first).not_to_have_text(before, use_inner_text=True, timeout=60_000)
    symbol = lines.first.locator(".alert-symbol").inner_text().split()[1]
    assert symbol.isascii()
    expect(page.locator("mdp-alerts")).to_contain_text(re.compile("new (high|low)"))


def test_the_quote_follows_the_clicked_row(page: Page, demo: Demo) -> None:
    log_in(page, demo)
    rows = page.locator('mdp-leaderboard[feed="scanners:top_volume"] .ag-row')
    expect(rows.nth(3)).to_be_visible(timeout=20_000)
    symbol = rows.nth(3).get_attribute("row-id")
    assert symbol
    page.locator(f'mdp-leaderboard[feed="scanners:top_volume"] .ag-row[row-id="{symbol}"]').first.click()
    expect(page.locator("mdp-quote")).to_contain_text(symbol)
    expect(page.locator("mdp-quote")).to_contain_text(re.compile("bid", re.IGNORECASE))


def test_the_page_fits_a_phone_without_scrolling_sideways(context: BrowserContext, demo: Demo) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, demo)
    expect(page.locator(".ag-row").first).to_be_visible(timeout=20_000)
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]


def test_tokens_and_sessions_can_be_ended_on_a_phone(context: BrowserContext, demo: Demo) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, demo)
    page.get_by_role("link", name="Your account").click()
    for label in ("Started", "Address", "Browser"):
        expect(page.get_by_role("columnheader", name=label)).to_have_count(1)
    assert_nothing_is_off_the_screen(page)

    page.get_by_role("link", name="API tokens").click()
    page.get_by_label("What will use it?").fill("a phone")
    page.get_by_role("button", name="Make a token").click()
    assert_nothing_is_off_the_screen(page)
    page.get_by_role("button", name="Revoke a phone").click(trial=True)
    page.get_by_role("button", name="Revoke a phone").click()
    expect(page.get_by_role("row", name="a phone")).to_contain_text("revoked")


def assert_nothing_is_off_the_screen(page: Page) -> None:
    """Every cell and button of the tables ends within the frame that it is shown in."""
    beyond = page.evaluate(
        """const right = (element) => element.getBoundingClientRect().right;
        [...document.querySelectorAll(".table-frame")].flatMap((frame) =>
            [...frame.querySelectorAll("td, td *")]
                .filter((each) => right(each) > right(frame) + 1)
                .map((each) => each.outerHTML))"""
    )
    assert beyond == []
    assert page.locator(".table-frame td").count() > 0


def test_logging_out_ends_the_live_connection(page: Page, demo: Demo) -> None:
    log_in(page, demo)
    expect(page.locator("mdp-connection")).to_contain_text(re.compile("live", re.IGNORECASE), timeout=20_000)
    second = page.context.new_page()
    second.goto(demo.address)
    second.get_by_role("button", name=re.compile("log out", re.IGNORECASE)).click()
    expect(page.locator("mdp-connection")).to_contain_text(
        re.compile("logged out|log in", re.IGNORECASE), timeout=10_000
    )


def test_the_user_of_the_demo_opens_the_control_plane(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.address}admin/")
    expect(page.get_by_label(re.compile("password", re.IGNORECASE))).to_have_count(0)
    go_through_provider(page, demo)
    page.wait_for_url(f"{demo.address}admin/")
    expect(page.get_by_role("heading", name="Control plane")).to_be_visible()
    page.get_by_role("link", name="API tokens").click()
    expect(page.get_by_role("heading", name=re.compile("Select API token"))).to_be_visible()


def test_a_token_made_on_the_page_opens_the_door_for_a_program(page: Page, demo: Demo) -> None:
    log_in(page, demo)
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="API tokens").click()
    page.get_by_label("What will use it?").fill("a newcomer's program")
    page.get_by_role("button", name="Make a token").click()
    token = page.locator("[data-secret]").inner_text()
    with connect(
        demo.address.replace("http", "ws", 1) + "ws/",
        subprotocols=[VERSION_2],
        additional_headers={"Authorization": f"Bearer {token}"},
    ) as socket:
        assert json.loads(socket.recv(timeout=20))["type"] == "welcome"


def test_a_program_with_a_token_hears_the_boards(demo: Demo) -> None:
    token = demo.manage("create_api_token", demo.user).splitlines()[-1].split()[-1]
    with connect(
        demo.address.replace("http", "ws", 1) + "ws/",
        subprotocols=[VERSION_2],
        additional_headers={"Authorization": f"Bearer {token}"},
    ) as socket:
        socket.send(json.dumps({"type": "subscribe", "feeds": ["scanners:top_volume", "scanners:nope"]}))
        frames: dict[str, Any] = {}
        while {"snapshot", "delta", "error"} - frames.keys():
            frame = json.loads(socket.recv(timeout=20))
            frames.setdefault(frame["type"], frame)
    assert frames["error"]["code"] == "unknown_feed"
    assert len(frames["snapshot"]["rows"]) > 100
    assert frames["delta"]["feed"] == "scanners:top_volume"


@pytest.mark.parametrize(
    ("headers", "origin"),
    [({}, None), ({"Authorization": "Bearer wrong"}, None), ({}, Origin("http://elsewhere.example"))],
    ids=["anonymous", "wrong token", "foreign origin"],
)
def test_strangers_are_refused_at_the_handshake(
    demo: Demo, headers: dict[str, str], origin: Origin | None
) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        connect(
            demo.address.replace("http", "ws", 1) + "ws/",
            subprotocols=[VERSION_2],
            additional_headers=headers,
            origin=origin,
        )
    assert refusal.value.response.status_code == 403


@pytest.mark.timeout(FIRST_PAUSE_SECONDS + 60)
def test_a_trading_pause_comes_onto_the_board_of_halts_and_into_the_list_of_alerts(
    page: Page, demo: Demo
) -> None:
    log_in(page, demo)
    page.get_by_role("tab", name="Halts").click()
    halted = page.locator('mdp-leaderboard[feed="scanners:halts"] .ag-row.row-halted')
    expect(halted.first).to_be_visible(timeout=1_000 * FIRST_PAUSE_SECONDS)
    expect(halted.first).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))
    for others in ("Highs", "Lows"):
        page.locator("mdp-alerts").get_by_role("button", name=others).click()
    began = page.locator("mdp-alerts tbody tr").filter(has_text="halted")
    expect(began.first).to_contain_text(re.compile(r"\d\d:\d\d:\d\d.*\d\.\d\d", re.DOTALL))
    widths = page.evaluate(
        "(list => [list.scrollWidth, list.clientWidth])(document.querySelector('.alert-list'))"
    )
    assert widths[0] <= widths[1]


def test_health_says_that_all_is_well(demo: Demo) -> None:
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(demo.address + path, timeout=5) as answer:  # noqa: S310 - our own http address
            assert answer.status == 200
