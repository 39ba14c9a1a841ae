"""ID tokens: which are the provider's word about this login, and that no text makes the check fall over."""

import json
import time
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from mdp_site.accounts.oidc.failures import AnswerRefused
from mdp_site.accounts.oidc.tokens import verified_claims

RSA: Final = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
OTHER_RSA: Final = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EC: Final = ec.generate_private_key(ec.SECP256R1())
ED: Final = ed25519.Ed25519PrivateKey.generate()
ISSUER, CLIENT, NONCE = "https://login.example.com", "the-site", "n-1"


def jwk(key: Any, **changes: Any) -> dict[str, Any]:
    algorithms: dict[type, Any] = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    kind = next(algorithm for cls, algorithm in algorithms.items() if isinstance(key, cls))
    public: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    return {"kid": "first", "use": "sig"} | public | changes


KEYS: Final = {"keys": [jwk(RSA)]}


def token(key: Any = RSA, algorithm: str = "RS256", header: Any = None, **claims: Any) -> str:
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 60, "nonce": NONCE}
    present = {name: value for name, value in (usual | claims).items() if value is not ...}
    headers = {"kid": "first"} if header is None else header
    return jwt.PyJWS().encode(json.dumps(present).encode(), key, algorithm=algorithm, headers=headers)


def check(text: str, keys: Any = KEYS) -> dict[str, Any]:
    return verified_claims(text, keys, issuer=ISSUER, client_id=CLIENT, nonce=NONCE)


def test_a_right_token_tells_its_claims() -> None:
    assert check(token(email="a@x.org"))["email"] == "a@x.org"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (RSA, "RS512"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA")],
)
def test_every_usual_signature_is_checked(key: Any, algorithm: str) -> None:
    assert check(token(key, algorithm), {"keys": [jwk(key)]})["sub"] == "1"
    altered = token(key, algorithm).rpartition(".")[0] + "." + "A" * 86
    with pytest.raises(AnswerRefused, match="signature"):
        check(altered, {"keys": [jwk(key)]})


@pytest.mark.parametrize(
    ("keys", "header"),
    [
        ([jwk(OTHER_RSA, kid="old"), jwk(RSA)], None),
        ([jwk(OTHER_RSA, kid="old"), jwk(RSA)], {}),
        ([jwk(RSA, kid=None)], None),
        ([7, None, {}, {"kty": "RSA", "kid": "first"}, jwk(EC), jwk(RSA)], None),
        ([jwk(RSA, alg="RS256")], None),
        ([jwk(OTHER_RSA), jwk(RSA)], None),
        ([jwk(RSA, use=None)], None),
    ],
)
def test_the_key_is_found_among_others(keys: list[Any], header: Any) -> None:
    assert check(token(header=header), {"keys": keys})["sub"] == "1"


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": None},
        {"keys": {}},
        {"keys": []},
        {"keys": "first"},
        {"keys": [jwk(OTHER_RSA)]},
        {"keys": [jwk(RSA, kid="x")]},
        {"keys": [jwk(RSA, use="enc")]},
        {"keys": [jwk(RSA, alg="PS256")]},
    ],
)
def test_without_the_key_nothing_is_proved(keys: Any) -> None:
    with pytest.raises(AnswerRefused):
        check(token(), keys)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": ...},
        {"aud": "another"},
        {"aud": []},
        {"aud": ...},
        {"aud": {"a": CLIENT}},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"azp": 7},
        {"sub": ...},
        {"exp": 1},
        {"exp": ...},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": []},
        {"iat": ...},
        {"iat": 2**60},
        {"nbf": 2**60},
        {"nonce": ...},
        {"nonce": "n-2"},
        {"nonce": None},
        {"nonce": 1},
        {"nonce": "ñ\ud800"},
    ],
)
def test_a_token_for_somebody_or_something_else_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(AnswerRefused):
        check(token(**claims))


def test_several_audiences_need_the_site_to_be_the_authorized_one() -> None:
    assert check(token(aud=[CLIENT, "another"], azp=CLIENT))["sub"] == "1"


def test_neither_no_signature_nor_a_shared_secret_counts() -> None:
    public = jwk(RSA)["n"]
    for text in (token(None, "none"), token(public, "HS256"), token("s" * 64, "HS512")):
        with pytest.raises(AnswerRefused, match="is signed by"):
            check(text)


@given(text=st.text() | st.from_regex(r"\A[\w=-]*\.[\w=-]*\.[\w=-]*\Z"))
def test_no_text_makes_the_check_fall_over(text: str) -> None:
    with pytest.raises(AnswerRefused):
        check(text)


@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), st.none() | st.integers())
)
def test_no_header_makes_the_check_fall_over(header: dict[str, Any]) -> None:
    encode = jwt.utils.base64url_encode
    first = encode(json.dumps(header).encode()).decode()
    with pytest.raises(AnswerRefused):
        check(".".join((first, *token().split(".")[1:])))
