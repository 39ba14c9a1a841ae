"""What a process does not need, it does not load: memory and the start of every command depend on it."""

import json
import os
import subprocess
import sys

from tests.architecture.product import ROOT

HEAVY = ("numba", "llvmlite", "pandas", "exchange_calendars", "massive", "aio_pika")
PROGRAM = (
    f"import json, sys, mdp_site.asgi; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
)


def test_a_web_process_loads_no_compiled_code_no_calendar_and_no_driver_of_the_feed() -> None:
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "mdp_site.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout.splitlines()[-1]) == []
