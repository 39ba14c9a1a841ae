"""Checks that an ID token is from the provider, for this site and for this login.

The rules are those of OpenID Connect Core 1.0, 3.1.3.7.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt

from mdp_site.accounts.oidc.failures import AnswerRefused

STEP: Final = "ID token"
CLOCK_TOLERANCE_SECONDS: Final = 60
FAMILIES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""Prefix of the signature algorithm -> type of its key. `none` and shared secrets are not accepted."""
ALGORITHMS: Final = (
    *(f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)),
    "EdDSA",
)
REQUIRED_CLAIMS: Final = ("iss", "sub", "aud", "exp", "iat")


def verified_claims(
    token: str, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """The claims of an ID token, after its signature, issuer, audience, times and nonce were checked.

    `keys` is the provider's JSON Web Key Set.

    Raises:
        AnswerRefused: one of the checks fails.
    """
    try:
        header = jwt.get_unverified_header(token)
        claims = _decoded(token, header, keys, issuer=issuer, client_id=client_id)
    except AnswerRefused:
        raise
    except Exception as error:  # the token is foreign text - the library may raise any error for it
        raise AnswerRefused(STEP, f"{type(error).__name__}: {error}") from error
    authorized = claims.get("azp")
    if authorized is None and isinstance(claims["aud"], list) and len(claims["aud"]) > 1:
        raise AnswerRefused(STEP, "has several audiences and no azp")
    if authorized is not None and authorized != client_id:
        raise AnswerRefused(STEP, "azp is another client")
    given = claims.get("nonce")
    if not isinstance(given, str) or not secrets.compare_digest(
        given.encode(errors="replace"), nonce.encode()
    ):
        raise AnswerRefused(STEP, "nonce is missing or of another login")
    return claims


def _decoded(
    token: str, header: Mapping[str, Any], keys: Mapping[str, Any], *, issuer: str, client_id: str
) -> dict[str, Any]:
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise AnswerRefused(
            STEP,
            f"is signed by {str(algorithm)[:20]!r}; accepted: a key of jwks_uri, {', '.join(ALGORITHMS)}",
        )
    candidates = _candidates(keys, algorithm, header.get("kid"))
    if not candidates:
        raise AnswerRefused(STEP, "no key of jwks_uri fits its kid and alg")
    wrong_signature: Exception | None = None
    for key in candidates:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key=key,
                algorithms=[algorithm],
                audience=client_id,
                issuer=issuer,
                leeway=CLOCK_TOLERANCE_SECONDS,
                options={"require": list(REQUIRED_CLAIMS)},
            )
        except jwt.InvalidSignatureError as error:
            wrong_signature = error
        else:
            return claims
    raise AnswerRefused(STEP, "its signature is wrong") from wrong_signature


def _candidates(keys: Mapping[str, Any], algorithm: str, kid: object) -> list[Any]:
    """The public keys that may have signed: with the algorithm's key type and, if both have one, this kid."""
    listed = keys.get("keys")
    found = []
    for entry in listed if isinstance(listed, Sequence) else ():
        if not isinstance(entry, Mapping) or entry.get("kty") != FAMILIES[algorithm[:2]]:
            continue
        other_use = entry.get("use") not in (None, "sig") or entry.get("alg") not in _names(algorithm)
        other_key = kid is not None and entry.get("kid") is not None and entry["kid"] != kid
        if other_use or other_key:
            continue
        try:
            found.append(jwt.PyJWK(dict(entry), algorithm=algorithm).key)
        except Exception:  # noqa: BLE001, S112 - a damaged key is ignored, the other keys are still used
            continue
    return found


def _names(algorithm: str) -> tuple[str | None, ...]:
    # Newer key sets name the curve instead of EdDSA (RFC 9864). A key may also name no algorithm.
    return (None, algorithm, "Ed25519") if algorithm == "EdDSA" else (None, algorithm)
