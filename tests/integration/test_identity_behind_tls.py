"""The embedded login provider behind a proxy that terminates TLS."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.deadlines import eventually_sync
from tests.support.services import free_port

ROOT = Path(__file__).resolve().parents[2]
WITHIN_SECONDS = 30.0


def issuer(port: int, scheme: str) -> str:
    """The issuer that the provider announces; empty before it serves."""
    url = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
    asked = urllib.request.Request(url, headers={"X-Forwarded-Proto": scheme})
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - a server of ours
            return str(json.load(answer)["issuer"])
    except urllib.error.URLError:
        return ""


def test_the_announced_addresses_have_the_scheme_that_browsers_use(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "mdp_site.dev.identity",
        "--port",
        str(port),
        "--state-dir",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.DEVNULL)
    try:
        eventually_sync(lambda: issuer(port, "http") != "", WITHIN_SECONDS)
        assert issuer(port, "http").startswith("http://")
        assert issuer(port, "https").startswith("https://")
    finally:
        process.terminate()
        process.wait(timeout=30)
