"""Stores compiled kernels on disk, and detects damaged or outdated files.

Numba's own store needs a directory that it can write, ends the process if a file is damaged, and checks only
the source file of the function to decide whether its code is current. Here a file holds the code of one
function for one signature and machine. It begins with a digest over the code and over everything on which
the code depends. If no directory has a file with the right digest, the kernel is compiled again: damaged
machine code must never run.
"""

import hashlib
import logging
import os
import pickle
import platform
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numba
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

DIRECTORY_VARIABLE: Final = "NUMBA_CACHE_DIR"

_PACKAGE: Final = Path(__file__).parent
_NAME_CHARACTERS: Final = 16
_DIGEST_BYTES: Final = hashlib.sha256().digest_size

_dumps: Any = dumps  # Numba has no types
_rebuild: Any = CompileResult._rebuild  # noqa: SLF001

log = logging.getLogger(__name__)


class StoredCode(_Cache):
    """The stored machine code of one function; implements Numba's interface of a cache."""

    def __init__(self, function: Any) -> None:
        self._name = f"{function.__module__}.{function.__qualname__}"

    @property
    def cache_path(self) -> str:
        """The first directory for new code; Numba shows it in its statistics."""
        return str(next(directories()))

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        """The stored code for a signature; None if there is no undamaged file."""
        target_context.refresh()
        content = _content_of(_key(self._name, sig, target_context.codegen()))
        if content is None:
            return None
        try:
            result: CompileResult = _rebuild(target_context, *pickle.loads(content))  # noqa: S301 - `_is_trusted`
        except Exception:  # the boundary of a library - code that this Numba cannot use is compiled again
            log.warning("compiled kernel cannot be used", extra={"kernel": self._name}, exc_info=True)
            return None
        return result

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store new code in the first directory that can be written, if any."""
        key = _key(self._name, sig, data.codegen)
        content: bytes = _dumps(data._reduce())  # noqa: SLF001
        for directory in directories():
            try:
                _write(directory, key, content)
            except OSError:
                continue
            return

    def enable(self) -> None:
        """Always on."""

    def disable(self) -> None:
        """Always on."""

    def flush(self) -> None:
        """Nothing to delete: outdated files are never read."""


def directories() -> Iterator[Path]:
    """The directories of compiled kernels, in order: configured, beside the sources, in the user's caches."""
    if configured := os.environ.get(DIRECTORY_VARIABLE):
        yield Path(configured)
    yield _PACKAGE / "__pycache__"
    if own := _user_caches():
        yield own


def _user_caches() -> Path | None:
    """The user's directory for caches; None for a user without a home directory, as in containers."""
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    except RuntimeError:
        return None
    return caches / "market-data-platform"


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for source in sorted(_PACKAGE.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


_SOURCES: Final = _digest_of_sources()


def _key(name: str, signature: Any, codegen: Any) -> str:
    """All that machine code depends on: sources, signature, processor, Python and Numba."""
    machine = (
        platform.python_implementation(),
        sys.version_info[:2],
        numba.__version__,
        codegen.magic_tuple(),
    )
    return repr((name, signature, machine, _SOURCES))


def _file_name(key: str) -> str:
    return f"kernel-{hashlib.sha256(key.encode()).hexdigest()[:_NAME_CHARACTERS]}.code"


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


def _content_of(key: str) -> bytes | None:
    """The code that is stored under the key, from the first directory with an undamaged file."""
    for directory in directories():
        path = directory / _file_name(key)
        try:
            # Opened without waiting: a pipe of this name would block the start for ever.
            with open(path, "rb", opener=_open_at_once) as file:
                trusted = _is_trusted(os.fstat(file.fileno()))
                stored = file.read() if trusted else b""
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("compiled kernel cannot be read: %s", error)
            continue
        digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
        if digest == _digest(key, content):
            return content
        log.warning("compiled kernel is %s: %s", "damaged" if trusted else "not ours alone to write", path)
    return None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _is_trusted(status: os.stat_result) -> bool:
    """Whether only our user, root or the owner of the sources can write the file: its code will run."""
    if not stat.S_ISREG(status.st_mode):
        return False
    owners = {0, os.geteuid(), _PACKAGE.stat().st_uid}
    return status.st_uid in owners and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write(directory: Path, key: str, content: bytes) -> None:
    """Write a file atomically: other processes may start at the same time.

    Raises:
        OSError: the directory cannot be written.
    """
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = directory / f"{_file_name(key)}.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(_digest(key, content) + content)
        draft.replace(directory / _file_name(key))
    except OSError:
        draft.unlink(missing_ok=True)
        raise
