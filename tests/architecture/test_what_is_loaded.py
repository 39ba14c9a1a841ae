"""What a process does not need, it does not load: memory and the start of every command depend on it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from tests.architecture.product import ROOT

HEAVY = ("numba", "llvmlite", "pandas", "exchange_calendars", "massive", "aio_pika")
THE_WRITTEN_SCHEMA = ("marketdata.schema.stored",)


def loaded(names: Sequence[str], program: str) -> list[str]:
    """Which of the modules a process has that runs a program."""
    found = f"[name for name in {names} if name in sys.modules]"
    child = subprocess.run(
        [sys.executable, "-c", f"import json, sys, {program}; print(json.dumps({found}))"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "mdp_site.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    printed: list[str] = json.loads(child.stdout.splitlines()[-1])
    return printed


def test_a_web_process_loads_no_compiled_code_no_calendar_and_no_driver_of_the_feed() -> None:
    assert loaded(HEAVY, "mdp_site.asgi") == []


def test_the_command_that_writes_the_schema_needs_no_written_one() -> None:
    """Else a file that cannot be read could not be written anew, either."""
    assert loaded(THE_WRITTEN_SCHEMA, "mdp_site.asgi") == list(THE_WRITTEN_SCHEMA)
    assert (
        loaded(THE_WRITTEN_SCHEMA, "django; django.setup(); import mdp_site.management.commands.schema") == []
    )
