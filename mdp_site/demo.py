"""`python -m mdp_site.demo`: run the demo until Ctrl-C. The exit code is 1 if it could not start, else 0."""

import asyncio
import os
import sys
from pathlib import Path

from mdp_site.dev.demo.environment import (
    DemoError,
    build_environment,
    choose_ports,
    load_secrets,
    make_private,
    write_environment_file,
)
from mdp_site.dev.demo.plan import ROOT
from mdp_site.dev.demo.supervisor import Supervisor


def main() -> int:
    """Prepare the state directory (`DEMO_STATE_DIR` or `.demo`) and run. A failure is printed as one line."""
    state = Path(os.environ.get("DEMO_STATE_DIR") or ROOT / ".demo").resolve()
    os.umask(0o077)  # child processes inherit it: only the owner may read databases, logs and secrets
    try:
        make_private(state)
        ports = choose_ports(os.environ)
        settings = build_environment(os.environ, ports, load_secrets(state), state)
        write_environment_file(state / "env", settings)
        asyncio.run(Supervisor(state, ports, os.environ, settings).run())
    except DemoError as error:
        print(f"\nThe demo cannot run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
