"""Kernels work wherever the platform is installed; what is stored of them belongs to all their sources."""

from collections.abc import Callable
from pathlib import Path

import numba
import pytest

from marketdata.kernels import compilation
from marketdata.kernels.compilation import kernel


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of kernels somewhere else, with a directory for the user's caches beside it."""
    package = tmp_path / "kernels"
    package.mkdir()
    (package / "loops.py").write_text("STEP = 1\n")
    monkeypatch.setattr(compilation, "_PACKAGE", package)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return package


def test_results_lie_beside_the_sources_and_elsewhere_after_any_of_them_changed(package: Path) -> None:
    first = compilation._cache_directory()
    assert first is not None
    assert first.parent == package / "__pycache__"
    assert compilation._cache_directory() == first

    (package / "loops.py").write_text("STEP = 2\n")
    changed = compilation._cache_directory()
    assert changed is not None
    assert changed != first


def test_the_users_caches_serve_where_the_sources_cannot_be_written_beside(package: Path) -> None:
    (package / "__pycache__").write_text("a file, so that no directory can be made")
    found = compilation._cache_directory()
    assert found is not None
    assert found.parent == package.parent / "caches" / "market-data-platform"


def test_without_any_place_there_is_none(package: Path) -> None:
    (package / "__pycache__").write_text("a file")
    (package.parent / "caches").write_text("a file")
    assert compilation._cache_directory() is None


def test_a_user_without_a_home_has_no_caches(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    (package / "__pycache__").write_text("a file")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert compilation._cache_directory() is None


def test_a_kernel_that_cannot_be_stored_is_compiled_all_the_same() -> None:
    names: dict[str, Callable[[int], int]] = {}
    exec("def doubled(number):\n    return 2 * number\n", names)  # noqa: S102 - a function without a file
    doubled = kernel(numba.int64(numba.int64))(names["doubled"])
    assert doubled(21) == 42
