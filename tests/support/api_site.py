"""The API on a real web server, with a market that a test publishes, and programs that ask it."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from multidict import CIMultiDictProxy

from marketdata.control.views import Overview
from marketdata.schema.boards import HALTS, TOP_GAINERS
from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import OPERATORS, Role, maintain_roles
from mdp_site.accounts.scopes import SCOPES
from mdp_site.api.operations import DESCRIBED
from mdp_site.control_plane import changes
from mdp_site.control_plane.actions.running import prepared, run
from mdp_site.web_settings import WEB
from tests.support.deadlines import eventually
from tests.support.operators import ANN
from tests.support.widget_site import WidgetSite, logged_in

BASE: Final = "/api/v1"
HIGHS: Final = "daily_range_hod_alert"
STARTED_SECONDS: Final = 10.0


class Answer(msgspec.Struct, frozen=True):
    """An answer of the API."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON values."""
        return json.loads(self.body)


class Program:
    """A program with a token, or another client with other headers."""

    def __init__(self, http: aiohttp.ClientSession, origin: str, headers: dict[str, str]) -> None:
        self._http = http
        self._origin = origin
        self._headers = headers

    async def get(self, path: str, **headers: str) -> Answer:
        """The answer to a path below `/api/v1`."""
        return await self.ask("GET", BASE + path, **headers)

    async def send(self, method: str, path: str, body: Any, **headers: str) -> Answer:
        """The answer to a body in JSON, for a path below `/api/v1`."""
        data = json.dumps(body).encode()
        return await self.ask(method, BASE + path, data, Content_Type="application/json", **headers)

    async def ask(self, method: str, path: str, data: bytes | None = None, /, **headers: str) -> Answer:
        """The answer to any method and path. Underscores in the names of headers stand for hyphens."""
        sent = self._headers | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.request(
            method, self._origin + path, data=data, headers=sent, allow_redirects=False
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())


class ApiSite:
    """A site whose market trades AAPL and MSFT, and has halts and alerts."""

    def __init__(self, site: WidgetSite, http: aiohttp.ClientSession) -> None:
        self.site = site
        self._run, self._token = "", 0
        self._http = http

    def client(self, **headers: str) -> Program:
        """A client with these headers; without any it is anonymous."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return Program(self._http, self.site.origin, sent)

    async def program(
        self, username: str = "ada", *scopes: str, is_staff: bool = False, role: Role | None = None
    ) -> Program:
        """A program with a new token of a user. With a role the user is staff."""
        secret, _ = await self.token(username, *scopes, is_staff=is_staff, role=role)
        return self.client(Authorization=f"Bearer {secret}")

    async def page(self, username: str) -> Program:
        """The requests of a page of the site, by the session of a user that there is."""
        cookies = f"{settings.SESSION_COOKIE_NAME}={await logged_in(username)}"
        secret = "c" * 32
        return self.client(
            Cookie=f"{cookies}; {settings.CSRF_COOKIE_NAME}={secret}",
            X_CSRFToken=secret,
            Origin=self.site.origin,
        )

    async def make_examples(self) -> None:
        """Make what the examples of operations are about: a revision of `web`, a run, and a token."""

        def make() -> tuple[str, int]:
            changes.change(WEB, {"log_level": "WARNING"}, actor=ANN)
            wish = prepared("banner", {"text": "hello"}, Overview(read_at_ms=0))
            token, _ = ApiToken.objects.issue(User.objects.create(username="carol"), name="example")
            return str(run(wish, actor=ANN).pk), token.pk

        self._run, self._token = await sync_to_async(make)()

    def example_path(self, operation_id: str) -> str:
        """The path of the example of an operation, about what there is."""
        example = DESCRIBED[operation_id].example
        return example.replace("{run}", self._run).replace("{token}", str(self._token))

    async def example(self, program: Program, operation_id: str) -> Answer:
        """The answer to the example of an operation."""
        described, path = DESCRIBED[operation_id], self.example_path(operation_id)
        if described.method == "GET":
            return await program.get(path)
        body = {name: value for name, value in (described.example_body or {}).items() if name != "expected"}
        return await program.send(described.method, path, body, If_Match="*")

    async def operator(self, username: str = "ann") -> Program:
        """A program of an operator, with the scopes for the platform."""
        return await self.program(username, "control", "read:operations", role=OPERATORS)

    async def token(
        self, username: str, *scopes: str, is_staff: bool = False, role: Role | None = None
    ) -> tuple[str, ApiToken]:
        """A new token of a user, with these scopes or all: its secret, and its row."""

        def issue() -> tuple[str, ApiToken]:
            staff = is_staff or role is not None
            user, _ = get_user_model().objects.get_or_create(username=username, is_staff=staff)
            if role is not None:
                user.groups.add(maintain_roles()[role])
            token, secret = ApiToken.objects.issue(user, name="test", scopes=scopes or tuple(SCOPES))
            return secret, token

        return await sync_to_async(issue)()


@contextlib.asynccontextmanager
async def api_site(site: WidgetSite) -> AsyncIterator[ApiSite]:
    """The API of a running site, as soon as its data is live."""
    market = site.market
    await market.board(
        TOP_GAINERS,
        {
            "AAPL": {"pct_change_since_open": 5.0, "close": 10.0},
            "MSFT": {"pct_change_since_open": 3.25, "close": 0.00005},
            "XYZ": {"pct_change_since_open": 1.0},
        },
    )
    await market.board(HALTS, {"MSFT": {"halt_timestamp": 1e12 + 5}, "AAPL": {"halt_timestamp": 1e12}})
    for number in range(5):
        await market.alert("daily_range_high", "AAPL", price=10.0 + number, level=9.0)
    await market.trades("AAPL", *((1_800_000_000_000 + second, 10.0 + second) for second in range(5)))
    await market.row("AAPL", close=10.0, volume=5)
    await market.row("MSFT", close=20.5)
    async with site.heartbeats(), aiohttp.ClientSession() as http:
        api = ApiSite(site, http)
        site.hub.start()

        async def is_live() -> bool:
            status = site.hub.data_status()
            return status is not None and status.state == "live"

        await eventually(is_live, STARTED_SECONDS)
        yield api
