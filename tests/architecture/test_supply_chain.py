"""What is fetched from an index is fixed by version and hash, and no file says where the index is."""

import importlib.util
import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
NPM_LOCK: dict[str, dict[str, Any]] = json.loads((ROOT / "widgets/client/package-lock.json").read_text())
PURPOSES = ("demo", "test", "tools", "node")


def requirements(purpose: str) -> dict[str, str]:
    """Name -> the whole entry, of a file that `make lock` has written."""
    text = (ROOT / "deploy" / f"requirements-{purpose}.txt").read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    return {re.split(r"[=\[ ]", entry, maxsplit=1)[0]: entry for entry in entries}


def version(entry: str) -> str:
    found = re.match(r"[a-z0-9-]+==([^ ;]+)", entry)
    assert found is not None, entry
    return found[1]


def named(wanted: Sequence[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", each, maxsplit=1)[0].lower().replace("_", "-") for each in wanted}


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "deploy" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_requirement_has_one_version_and_hashes(purpose: str) -> None:
    found = requirements(purpose)
    assert found
    for entry in found.values():
        assert re.fullmatch(
            r"[a-z0-9-]+==\S+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+", entry.strip()
        ), entry[:200]


def test_all_that_the_project_asks_for_is_fixed() -> None:
    project, extras = PROJECT["project"], PROJECT["project"]["optional-dependencies"]
    assert named(project["dependencies"]) | named(extras["embedded"]) <= requirements("demo").keys()
    assert named(project["dependencies"]) | named(extras["dev"]) <= requirements("test").keys()
    for group, wanted in PROJECT["dependency-groups"].items():
        assert named(wanted) <= requirements(group).keys()
    [build_tool] = PROJECT["build-system"]["requires"]
    assert build_tool == f"hatchling=={version(requirements('tools')['hatchling'])}"


@pytest.mark.parametrize("name", ["numba", "uvicorn"])
def test_a_package_whose_inner_parts_are_used_is_of_the_series_that_the_tests_run_with(name: str) -> None:
    """Kernels and the web server use what no manual names: what comes next must be tested first."""
    [accepted] = [each for each in PROJECT["project"]["dependencies"] if each.startswith(name)]
    major, minor, *_ = map(int, version(requirements("test")[name]).split("."))
    assert accepted == f"{name}>={major}.{minor},<{major}.{minor + 1}"


def test_all_files_agree_on_versions() -> None:
    of_tests = requirements("test")
    for purpose in PURPOSES:
        for name, entry in requirements(purpose).items():
            if name in of_tests:
                assert version(entry) == version(of_tests[name])


def test_every_browser_package_has_a_hash_and_no_address() -> None:
    packages = {name: package for name, package in NPM_LOCK["packages"].items() if name}
    assert packages
    assert [
        name for name, package in packages.items() if not package.get("integrity", "").startswith("sha512-")
    ] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


@pytest.mark.parametrize("purpose", PURPOSES)
def test_no_address_of_an_index_is_in_a_file_of_requirements(purpose: str) -> None:
    text = (ROOT / "deploy" / f"requirements-{purpose}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)  # an option, such as the address of an index


@pytest.mark.parametrize("uv_works", [True, False])
def test_all_installations_are_checked_against_hashes_or_fetch_nothing(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, uv_works: bool
) -> None:
    commands: list[Sequence[str]] = []

    def run(command: Sequence[str], **_options: object) -> None:
        commands.append(command)
        if "uv" in Path(command[0]).name and not uv_works:
            raise bootstrap.BootstrapError("no index")

    monkeypatch.setattr(bootstrap, "_run", run)
    monkeypatch.setattr(bootstrap, "_works", lambda _python: True)
    bootstrap._install_packages("test")
    bootstrap._install_node()

    installing = [command for command in commands if "install" in command]
    assert len(installing) == (4 if uv_works else 5)
    assert all("--require-hashes" in command or "--no-index" in command for command in installing)
    assert any(str(ROOT) in command for command in installing)
