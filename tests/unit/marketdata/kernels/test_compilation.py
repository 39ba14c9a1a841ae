"""Compiled kernels are kept and used wherever they lie, whole or not at all."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import pytest

from marketdata.kernels import stored_code
from marketdata.kernels.compilation import kernel

ROOT = Path(__file__).resolve().parents[4]
NOBODY = 65_534
SIGNATURE = numba.int64(numba.int64)


def doubled(number: int) -> int:
    return 2 * number


def compiled() -> Any:
    """The function, compiled or loaded as at a start of its own."""
    return kernel(SIGNATURE)(doubled)


def was_loaded(function: Any) -> bool:
    assert function(21) == 42
    return bool(sum(function.stats.cache_hits.values()) == 1)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of kernels somewhere else, with a directory for the user's caches beside it."""
    package = tmp_path / "kernels"
    package.mkdir()
    monkeypatch.setattr(stored_code, "_PACKAGE", package)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return package


@pytest.fixture
def told(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is named as the one for compiled kernels."""
    directory = package.parent / "told"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(directory))
    return directory


def only_file(directory: Path) -> Path:
    [path] = directory.iterdir()
    return path


def test_the_second_start_loads_what_the_first_one_compiled(told: Path) -> None:
    assert not was_loaded(compiled())
    assert was_loaded(compiled())
    assert stat.S_IMODE(only_file(told).stat().st_mode) & 0o133 == 0


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _whole: b"",
    "cut to 4 KiB": lambda whole: whole[:4096],
    "cut by one byte": lambda whole: whole[:-1],
    "one bit of the digest flipped": lambda whole: bytes([whole[0] ^ 1]) + whole[1:],
    "one bit of the code flipped": lambda whole: whole[:6000] + bytes([whole[6000] ^ 1]) + whole[6001:],
    "longer": lambda whole: whole + b"x",
    "foreign": lambda whole: bytes(len(whole)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_kernel_is_compiled_anew_and_is_whole_again(
    told: Path, damage: Callable[[bytes], bytes]
) -> None:
    compiled()
    path = only_file(told)
    path.write_bytes(damage(path.read_bytes()))

    assert not was_loaded(compiled())
    assert was_loaded(compiled())


def test_a_whole_file_of_another_kernel_is_not_taken_for_this_one(told: Path) -> None:
    compiled()
    mine = only_file(told)
    kernel(numba.float64(numba.float64))(doubled)
    [other] = set(told.iterdir()) - {mine}
    shutil.copy(other, mine)
    assert not was_loaded(compiled())


def test_whole_bytes_that_numba_cannot_use_are_compiled_anew(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as another_numba:
        another_numba.setattr(stored_code, "_dumps", lambda _code: b"not what this one writes")
        compiled()
    assert only_file(told).exists()
    assert not was_loaded(compiled())
    assert was_loaded(compiled())


def test_where_a_file_should_be_something_else_stands_in_the_way(told: Path) -> None:
    compiled()
    path = only_file(told)
    path.unlink()
    path.mkdir()
    assert not was_loaded(compiled())


def test_a_pipe_in_the_place_of_a_file_does_not_hold_up_the_start(told: Path) -> None:
    compiled()
    path = only_file(told)
    path.unlink()
    os.mkfifo(path, 0o600)
    assert not was_loaded(compiled())
    assert was_loaded(compiled())


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_what_others_may_write_is_not_run(told: Path, mode: int) -> None:
    compiled()
    only_file(told).chmod(mode)
    assert not was_loaded(compiled())
    assert was_loaded(compiled())


@pytest.mark.parametrize(
    ("owner", "trusted"), [(os.geteuid(), True), (0, True), (os.geteuid() + 12_345, False)]
)
@pytest.mark.usefixtures("package")
def test_what_somebody_else_wrote_is_not_run(owner: int, trusted: bool) -> None:
    file = os.stat_result((stat.S_IFREG | 0o644, 0, 0, 1, owner, 0, 0, 0, 0, 0))
    assert stored_code._is_trusted(file) is trusted


def test_it_is_kept_beside_the_sources_and_used_from_there(package: Path) -> None:
    compiled()
    assert only_file(package / "__pycache__").exists()
    assert was_loaded(compiled())


def test_the_users_caches_serve_where_the_sources_cannot_be_written_beside(package: Path) -> None:
    (package / "__pycache__").write_text("a file, so that no directory can be made")
    compiled()
    assert only_file(package.parent / "caches" / "market-data-platform").exists()
    assert was_loaded(compiled())


def test_what_lies_beside_the_sources_is_used_where_another_directory_is_named(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(package.parent / "named"))
    assert was_loaded(compiled())


def test_without_any_place_it_is_compiled_all_the_same(package: Path) -> None:
    (package / "__pycache__").write_text("a file")
    (package.parent / "caches").write_text("a file")
    assert not was_loaded(compiled())


def test_a_user_without_a_home_has_no_caches(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert list(stored_code.directories()) == [package / "__pycache__"]
    compiled()
    assert was_loaded(compiled())


def test_any_change_of_the_sources_asks_for_other_files(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "loops.py").write_text("STEP = 1\n")
    first = stored_code._digest_of_sources()
    assert stored_code._digest_of_sources() == first
    (package / "loops.py").write_text("STEP = 2\n")
    assert stored_code._digest_of_sources() != first

    compiled()
    monkeypatch.setattr(stored_code, "_SOURCES", "another state")
    assert not was_loaded(compiled())


@pytest.fixture
def installed() -> Iterator[Path]:
    """Kernels of an installation that another user made; pytest's own directories are closed to others."""
    place = Path(tempfile.mkdtemp(prefix="installed-"))
    try:
        package = place / "marketdata" / "kernels"
        package.mkdir(parents=True)
        (place / "marketdata" / "__init__.py").touch()
        (package / "__init__.py").touch()
        for name in ("compilation.py", "stored_code.py"):
            shutil.copy(ROOT / "marketdata" / "kernels" / name, package)
        (package / "loops.py").write_text(
            "import numba\n"
            "from marketdata.kernels.compilation import kernel\n"
            "@kernel(numba.int64(numba.int64))\n"
            "def doubled(number):\n    return 2 * number\n"
        )
        for path in (place, *place.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield place
    finally:
        for path in (place, *(path for path in place.rglob("*") if path.is_dir())):
            path.chmod(0o755)
        shutil.rmtree(place)


def loads_as(uid: int | None, place: Path) -> str:
    """Whether a process of a user without a home loads the kernel or compiles it."""
    program = (
        "from marketdata.kernels.loops import doubled\n"
        "assert doubled(21) == 42\n"
        "print('loaded' if sum(doubled.stats.cache_hits.values()) else 'compiled')\n"
    )
    # The interpreter's packages may be closed to the other user: all are imported before the change.
    change = "" if uid is None else f"os.setgroups([]); os.setgid({uid}); os.setuid({uid})\n"
    script = f"import os, numba\nnumba.njit('int64(int64)')(lambda number: number)\n{change}{program}"
    environment = {"HOME": "/nonexistent", "PYTHONPATH": str(place), "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd="/", env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_compiled_ahead_and_then_read_only_it_is_used(installed: Path) -> None:
    assert loads_as(None, installed) == "compiled"
    for path in installed.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(installed.rglob("*"))
    # Root may write everywhere: only as another user is the installation read-only.
    assert loads_as(NOBODY if os.geteuid() == 0 else None, installed) == "loaded"
    assert sorted(installed.rglob("*")) == before
