"""Starting and stopping: nothing is left behind, and a killed demo starts again without help."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mdp_site.dev.demo.environment import free_port
from tests.end_to_end.conftest import ROOT, STOPS_WITHIN_SECONDS, start_demo, stop

pytestmark = pytest.mark.timeout(240)


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "mdp_site.demo"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), "DEMO_STATE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert "PORT=" in done.stderr
    assert not (tmp_path / "pids.json").exists()


def test_it_starts_again_after_a_kill_and_then_stops_cleanly_in_time(tmp_path: Path) -> None:
    port = free_port()
    # As an earlier release left it: open to others, without a password for the cache.
    tmp_path.chmod(0o755)
    older = {"SECRET_KEY": "k" * 50, "OIDC_CLIENT_SECRET": "c" * 50, "DEMO_PASSWORD": "of-an-earlier-release"}
    (tmp_path / "secrets.json").write_text(json.dumps(older))
    first = start_demo(tmp_path, port)
    assert first.password == "of-an-earlier-release"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    family = psutil.Process(first.process.pid).children(recursive=True)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(timeout=5)

    second = start_demo(tmp_path, port)
    assert second.password == first.password
    _, orphans = psutil.wait_procs(family, timeout=5)
    assert orphans == []
    started = time.monotonic()
    code, left = stop(second.process)
    assert time.monotonic() - started < STOPS_WITHIN_SECONDS
    assert (code, left) == (0, [])
