"""Who is behind a connection. It does not change while the connection lasts."""

from typing import Final

import msgspec


class ClientIdentity(msgspec.Struct, frozen=True, gc=False):
    """The user, from where, how they logged in, and since when (epoch ms of this process's clock).

    `way`: `session` or `token`; `token` is the token's name. An `address` that is not known is empty.
    """

    user_id: int
    user: str
    since_ms: int
    address: str = ""
    way: str = ""
    token: str = ""


UNKNOWN_CLIENT: Final = ClientIdentity(user_id=0, user="", since_ms=0)
"""Of a connection that was added without an identity."""
