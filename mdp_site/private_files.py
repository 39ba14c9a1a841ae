"""Directories, files and secrets that a process makes for itself, and that only its user may read."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from marketdata.errors import ConfigurationError


@contextlib.contextmanager
def _kept_in(path: Path) -> Iterator[None]:
    """Name the place if it cannot be used.

    Raises:
        ConfigurationError: with the reason, and what is accepted.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be used ({error.strerror}); accepted: a place that this user may read and write, "
            "by STATE_DIR or the setting of its own"
        ) from None


def private_directory(path: Path) -> Path:
    """Create a directory that only its owner may enter. An existing directory is not changed.

    Raises:
        ConfigurationError: it cannot be created.
    """
    with _kept_in(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def private_file(path: Path) -> Path:
    """Create an empty file that only its owner may read, unless it exists. A library will write it.

    Raises:
        ConfigurationError: it cannot be created.
    """
    private_directory(path.parent)
    with _kept_in(path):
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return path


def stored_secret(path: Path, *, byte_count: int = 64, make: Callable[[], str] | None = None) -> str:
    """A secret that is created once and stored in a file that only its owner can read.

    It is for machines without configuration. `make` creates the secret; by default it is random text with
    `byte_count` bytes of entropy. Two processes that start at the same time get the same secret: the file
    appears atomically, and the second process reads what the first one wrote.

    Raises:
        ConfigurationError: the file cannot be written or read.
    """
    with _kept_in(path):
        if not path.exists():
            private_directory(path.parent)
            _publish_atomically(path, make() if make else secrets.token_urlsafe(byte_count))
        return path.read_text().strip()


def _publish_atomically(path: Path, content: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    with contextlib.suppress(FileExistsError):  # another process was faster: its content is used
        os.link(draft, path)
    draft.unlink()
