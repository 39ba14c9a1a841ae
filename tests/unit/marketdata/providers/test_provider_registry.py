"""A provider is found by its name, and what its package lacks is said when it is looked up."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget
from marketdata.providers import registry
from marketdata.providers.plugin import ProviderPlugin
from marketdata.providers.registry import provider_emulator, provider_names, provider_plugin

PACKAGE = "provider_of_a_test"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a provider that is registered as `mine`."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(registry._PACKAGES, "mine", PACKAGE)
    provider_plugin.cache_clear()
    yield folder
    provider_plugin.cache_clear()
    for module in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[module]


@pytest.mark.parametrize("name", provider_names())
def test_every_registered_provider_has_all_its_parts(name: str) -> None:
    assert provider_plugin(name).name == name


def test_a_name_that_no_provider_has_is_refused_with_those_that_are_accepted() -> None:
    with pytest.raises(ConfigurationError, match="MARKET_DATA_PROVIDER is 'nobody'; accepted: massive"):
        provider_plugin("nobody")


def test_a_package_without_a_plugin_is_told_where_and_what_is_expected(package: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"{PACKAGE}\.plugin is missing; expected: .* PLUGIN"):
        provider_plugin("mine")


def test_a_plugin_without_a_part_is_told_which_and_what_is_expected(package: Path) -> None:
    (package / "plugin.py").write_text("class Mine:\n    name = 'mine'\n\nPLUGIN = Mine()\n")
    with pytest.raises(ConfigurationError) as refusal:
        provider_plugin("mine")
    assert f"PLUGIN in {PACKAGE}.plugin lacks" in str(refusal.value)
    assert "validate (expected: validate(target): Check the target that an operator wants" in str(
        refusal.value
    )


def test_a_plugin_whose_module_is_missing_is_told_which(package: Path) -> None:
    (package / "plugin.py").write_text(f"import {PACKAGE}.decoders\n")
    with pytest.raises(ConfigurationError, match=rf"needs the module {PACKAGE}\.decoders, which is missing"):
        provider_plugin("mine")


def test_a_plugin_under_another_name_is_refused(package: Path) -> None:
    parts = "\n".join(f"    {part} = None" for part in vars(ProviderPlugin) if not part.startswith("_"))
    (package / "plugin.py").write_text(f"class Mine:\n{parts}\n    name = 'other'\n\nPLUGIN = Mine()\n")
    with pytest.raises(ConfigurationError, match="calls itself 'other'; expected: 'mine'"):
        provider_plugin("mine")


@pytest.mark.parametrize("name", ["replay", "nobody"])
def test_a_provider_whose_protocol_nothing_serves_is_refused_with_those_that_are_served(name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"'{name}' cannot be served; providers with an emulator: massive"
    ):
        provider_emulator(name)


def test_what_an_operator_wants_is_checked_without_a_key() -> None:
    plugin = provider_plugin("massive")
    plugin.validate(ConnectionTarget(feed="RealTime", market="stocks", subscriptions=("T.*",)))
    with pytest.raises(ConfigurationError, match="MASSIVE_FEED is 'nowhere'"):
        plugin.validate(ConnectionTarget(feed="nowhere", market="stocks", subscriptions=("T.*",)))
