"""The browser of the tests."""

from typing import Final

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
