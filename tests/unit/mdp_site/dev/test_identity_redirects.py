"""The redirect addresses that the embedded provider accepts."""

import pytest

from marketdata.errors import ConfigurationError
from mdp_site.dev.identity.redirects import with_loopback_twins

PATH = "/accounts/oidc/oidc/login/callback/"


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        ([f"http://127.0.0.1:8000{PATH}"], [f"http://127.0.0.1:8000{PATH}", f"http://localhost:8000{PATH}"]),
        ([f"http://localhost{PATH}"], [f"http://localhost{PATH}", f"http://127.0.0.1{PATH}"]),
        (["https://site.example/x"], ["https://site.example/x"]),
        (["http://127.0.0.1/a", "http://localhost/a"], ["http://127.0.0.1/a", "http://localhost/a"]),
    ],
)
def test_a_loopback_address_counts_under_both_names(given: list[str], accepted: list[str]) -> None:
    assert with_loopback_twins(given) == accepted


@pytest.mark.parametrize("uri", ["", "site.example/x", "javascript:alert(1)", "http://", "ftp://h/x"])
def test_anything_but_an_http_address_is_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--client-redirect-uri=.*accepted: an http\(s\):// URL"):
        with_loopback_twins([uri])
