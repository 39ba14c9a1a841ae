"""The logins behind the open connections of a process, and what they do when a login changes."""

import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from marketdata.observability.logs import RateLimitedLog, get_logger
from mdp_site.accounts.standings import Credential, Standing
from widgets.viewer import Follower, LoginEnd

_Key = TypeVar("_Key", Credential, int)

_log = RateLimitedLog(get_logger(__name__))


class Login:
    """The login of a connection, as the last look found it. A login is a `widgets.viewer.Viewer`."""

    __slots__ = ("_end", "_follower", "standing")

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self._follower: Follower | None = None
        self._end: LoginEnd | None = None

    @property
    def user_id(self) -> int:
        """The id of the user."""
        return self.standing.user_id

    @property
    def username(self) -> str:
        """The name of the user at the handshake."""
        return self.standing.username

    @property
    def way(self) -> str:
        """How the user logged in: `session` or `token`. A page token is a way into a session."""
        return self.standing.credential.way.value

    @property
    def token_name(self) -> str:
        """The name of the token; empty for a session."""
        return self.standing.token_name

    @property
    def permissions(self) -> frozenset[str]:
        """The present permissions; none after the end."""
        return self.standing.permissions if self._end is None else frozenset()

    @property
    def has_ended(self) -> bool:
        """Whether the connection was told to close."""
        return self._end is not None

    def follow(self, follower: Follower) -> None:
        """Report changes to this connection. An end that came before is reported at once."""
        self._follower = follower
        if self._end is not None:
            follower.on_login_ended(self._end)

    def update(self, standing: Standing | None) -> None:
        """Take over what a look has found: another standing, or None if the login is no longer valid."""
        if self._end is not None:
            return
        if standing is None or standing.user_id != self.standing.user_id:
            self.finish(LoginEnd.LOGGED_OUT)
        elif not standing.may_see_market_data:
            self.finish(LoginEnd.NO_RIGHT)
        else:
            has_other = standing.permissions != self.standing.permissions
            self.standing = standing
            if has_other and self._follower is not None:
                self._follower.on_permissions_changed(standing.permissions)

    def finish(self, end: LoginEnd) -> None:
        """End the connection for this reason, unless it was told to end before."""
        if self._end is not None:
            return
        self._end = end
        if self._follower is not None:
            self._follower.on_login_ended(end)


class OpenLogins:
    """The logins of all open connections. Those with the same session or token are looked up together."""

    def __init__(self) -> None:
        self._by_credential: defaultdict[Credential, set[Login]] = defaultdict(set)
        self._by_user: defaultdict[int, set[Login]] = defaultdict(set)

    @contextlib.contextmanager
    def held(self, standing: Standing) -> Iterator[Login]:
        """The login of a connection, which is open as long as the context lasts."""
        login = Login(standing)
        user_id, credential = login.user_id, standing.credential
        self._by_credential[credential].add(login)
        self._by_user[user_id].add(login)
        try:
            yield login
        finally:
            _remove(self._by_credential, credential, login)
            _remove(self._by_user, user_id, login)

    def credentials(self) -> list[Credential]:
        """The credentials of all open connections, each once, in the order in which they came."""
        return list(self._by_credential)

    def credentials_of(self, user_ids: Iterable[int]) -> list[Credential]:
        """The credentials of these users' open connections, each once."""
        logins = (login for user_id in user_ids for login in self._by_user.get(user_id, ()))
        return list({login.standing.credential for login in logins})

    def of_user(self, user_id: int) -> list[Login]:
        """The logins of a user's open connections that were not told to end."""
        return [login for login in self._by_user.get(user_id, ()) if not login.has_ended]

    def tokens(self) -> set[int]:
        """The ids of the API tokens whose connections are open."""
        some = (next(iter(logins)).standing.token_id for logins in self._by_credential.values())
        return {token_id for token_id in some if token_id is not None}

    def update(self, credentials: Collection[Credential], found: Mapping[Credential, Standing]) -> int:
        """Take over what a look at these credentials has found. Returns the number of logins that ended."""
        ended = 0
        for credential in credentials:
            standing = found.get(credential)
            for login in tuple(self._by_credential.get(credential, ())):
                if login.standing is standing or login.has_ended:
                    continue
                if standing is not None and login.standing == standing:
                    login.standing = standing  # the same object as that of the next look, as a rule
                    continue
                try:
                    login.update(standing)
                except Exception as error:  # noqa: BLE001 - one connection must not keep the others open
                    _log.warning("login not followed", reason=type(error).__name__, error=str(error))
                ended += login.has_ended
        return ended


def _remove(index: defaultdict[_Key, set[Login]], key: _Key, login: Login) -> None:
    logins = index[key]
    logins.discard(login)
    if not logins:
        del index[key]
