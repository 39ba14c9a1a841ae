"""A PostgreSQL server of its own: the database of production, for tests and measurements."""

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.support.services import Server, ServiceMissingError

ACCOUNT: Final = "postgres"
"""PostgreSQL refuses to run as root, so it runs under the account of its Debian package."""
DEBIAN_PROGRAMS: Final = Path("/usr/lib/postgresql")


class PostgresServer(Server):
    """An empty cluster on a private port, without a password: it listens on 127.0.0.1 only."""

    start_seconds = 30.0

    @property
    def url(self) -> str:
        """The address of the database."""
        return f"postgres://{ACCOUNT}@127.0.0.1:{self.port}/postgres"

    def launch(self) -> None:
        """Make the cluster before the first start.

        Raises:
            ServiceMissingError: the server, or the driver of Django, is not installed.
        """
        if find_spec("psycopg") is None:
            raise ServiceMissingError("Django has no driver for PostgreSQL: pip install psycopg[binary]")
        data = self.directory / "data"
        if not data.exists():
            if os.geteuid() == 0:
                account = pwd.getpwnam(ACCOUNT)
                os.chown(self.directory, account.pw_uid, account.pw_gid)
            command = [*_as_account(), program("initdb"), "--pgdata", str(data), "--auth=trust"]
            subprocess.run(
                [*command, f"--username={ACCOUNT}", "--no-sync"],
                check=True,
                cwd=self.directory,
                stdout=subprocess.DEVNULL,
            )
        super().launch()

    def kill(self) -> None:
        """Kill it, also while it is frozen: a stopped process cannot notice that its parent is gone."""
        if self._process is not None:
            self.thaw()
        super().kill()

    def run(self, statement: str, *values: object) -> None:
        """Run a statement and commit it."""
        import psycopg  # noqa: PLC0415 - the extra `postgres` may not be installed

        with psycopg.connect(self.url.replace("postgres:", "postgresql:"), autocommit=True) as connection:
            connection.execute(statement.encode(), values)

    def _command(self) -> list[str]:
        data = str(self.directory / "data")
        options = ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.directory), "-N", "50"]
        return [*_as_account(), program("postgres"), "-D", data, *options]

    def _ready(self) -> bool:
        check = [program("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        return subprocess.run(check, check=False).returncode == 0


def program(name: str) -> str:
    """Path of one of PostgreSQL's programs.

    Raises:
        ServiceMissingError: PostgreSQL is not installed.
    """
    newest = sorted(DEBIAN_PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = str(newest[-1]) if newest else shutil.which(name)
    if found is None:
        raise ServiceMissingError(f"PostgreSQL ({name}) is not installed: apt-get install postgresql")
    return found


def _as_account() -> list[str]:
    if os.geteuid():
        return []
    try:
        account = pwd.getpwnam(ACCOUNT)
    except KeyError as error:
        raise ServiceMissingError(f"there is no account {ACCOUNT}: apt-get install postgresql") from error
    # A change of the account forgets which signal a child gets when its parent ends, so it is set again.
    own = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return ["setpriv", *own, "--pdeathsig=INT", "--"]
