"""The version of the software that this process runs."""

import functools
import hashlib
import os
from importlib import metadata
from pathlib import Path
from typing import Final

_DISTRIBUTION: Final = "market-data-platform"
_ROOMS: Final = ("marketdata", "mdp_site", "scanners", "widgets")
_WITHOUT_PYTHON: Final = frozenset({"__pycache__", "node_modules", "static"})


@functools.cache
def software_version() -> str:
    """The released version and a digest of the sources, such as `0.1.0+1f3a5b7c`.

    The digest differs between two deployments of one release. It is computed once, in some 20 ms. The files
    are read at the first call, so call it at the start of the process.
    """
    digest = hashlib.blake2b(digest_size=4)
    root = Path(__file__).resolve().parents[2]
    for room in _ROOMS:
        for directory, below, files in os.walk(root / room):
            below[:] = sorted(set(below) - _WITHOUT_PYTHON)
            for name in sorted(files):
                if name.endswith(".py"):
                    digest.update((Path(directory) / name).read_bytes())
    return f"{metadata.version(_DISTRIBUTION)}+{digest.hexdigest()}"
