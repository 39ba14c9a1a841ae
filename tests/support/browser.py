"""The browser of the tests."""

from pathlib import Path
from typing import Final

from playwright.sync_api import Page

CHROMIUM: Final = "/usr/bin/chromium"
# A browser that asks nobody outside this machine for anything, and runs as root in a container.
CHROMIUM_ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_CLIENT: Final = Path(__file__).resolve().parents[2] / "widgets" / "client"
_AXE: Final = _CLIENT / "node_modules" / "axe-core" / "axe.min.js"


def load_axe(page: Page) -> None:
    """Give a page `axe`, through the debugger: the content security policy would refuse a script element."""
    page.evaluate(_AXE.read_text())
