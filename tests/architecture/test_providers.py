"""Every provider has its folder, its parts and its place in the import contracts."""

import tomllib
from pathlib import Path

import pytest

from marketdata.providers import registry

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS = ROOT / "marketdata" / "providers"
FOLDERS = sorted(path.parent.name for path in PROVIDERS.glob("*/plugin.py"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_import_contracts_hold_every_provider(folder: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    package = f"marketdata.providers.{folder}"
    protected = [contract for contract in contracts if package in contract.get("protected_modules", ())]
    independent = [contract for contract in contracts if package in contract.get("modules", ())]
    assert protected, f"{package} is missing in the contract 'nobody imports a provider' of pyproject.toml"
    assert independent, f"{package} is missing in 'providers do not know each other' of pyproject.toml"


def test_every_folder_with_code_is_a_provider_and_all_but_the_template_are_registered() -> None:
    folders = {path.parent.name for path in PROVIDERS.glob("*/__init__.py")}
    assert folders == set(FOLDERS), "a folder of marketdata/providers needs a plugin.py, as _template has"
    packages = {f"marketdata.providers.{folder}" for folder in folders - {"_template"}}
    assert set(registry._PACKAGES.values()) == packages
