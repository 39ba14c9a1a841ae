"""Checks a directory for recordings before the feed is connected."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from marketdata.errors import ConfigurationError

MIN_FREE_BYTES: Final = 64 * 2**20
_PROBE_BYTES: Final = 4096


def check_directory(directory: Path) -> None:
    """Create the directory if it is missing, and write to it as a test.

    Raises:
        ConfigurationError: the path is not a directory, cannot be written, or its disk is full. The message
            says which.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise ConfigurationError(
            f"recordings cannot be written to {directory}: {error.strerror or error}"
        ) from error
    free = shutil.disk_usage(directory).free
    if free < MIN_FREE_BYTES:
        raise ConfigurationError(
            f"the disk of {directory} is full: {free // 2**20} MiB free, {MIN_FREE_BYTES // 2**20} MiB needed"
        )
