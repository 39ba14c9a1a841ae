"""Compiles the load client into a private folder, with warnings as errors."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).resolve().parent
FLAGS: Final = ("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror")
LONGEST_BUILD_SECONDS: Final = 120


class CompilerMissingError(Exception):
    """There is no C compiler, or it did not compile the load client. The message says what to install."""


def build(folder: Path, *flags: str) -> Path:
    """Compile the load client into `folder`, and return the path of the program.

    Raises:
        CompilerMissingError: no compiler, no zlib, or an error in the sources.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise CompilerMissingError("no C compiler: apt-get install gcc libc6-dev zlib1g-dev")
    program = folder / "load_client"
    sources = sorted(map(str, SOURCES.glob("*.c")))
    command = [compiler, *FLAGS, *flags, *sources, "-lz", "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_BUILD_SECONDS)
    if done.returncode:
        raise CompilerMissingError(
            f"the load client was not compiled (it needs the headers of libc and zlib):\n{done.stderr}"
        )
    return program
