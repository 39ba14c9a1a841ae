"""The site and its embedded login provider as real processes, and a simple browser without JavaScript."""

import html
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from tests.support.deadlines import scaled
from tests.support.services import Server, free_port

MANAGE: Final = Path(__file__).resolve().parents[2] / "manage.py"
STOP_SECONDS: Final = 10.0
USER: Final = "demo"
PASSWORD: Final = "correct horse battery staple"
CLIENT_SECRET: Final = "shared by the two processes of one test run"
GROUP: Final = "operators"


class WebProcess(Server):
    """A program of this project. It is ready when its `/healthz` answers."""

    start_seconds = 30.0

    @property
    def url(self) -> str:
        """The address of the process."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """The output so far."""
        return self._log_path.read_text()

    def end(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit code.

        Raises:
            subprocess.TimeoutExpired: the process did not end within `STOP_SECONDS`.
        """
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(scaled(STOP_SECONDS))

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            return False


class IdentityProvider(WebProcess):
    """`manage.py run_identity_provider` with one user, who is a member of `GROUP`."""

    def __init__(self, site_port: int, **settings: str) -> None:
        super().__init__()
        self._settings = settings
        self._redirect_uri = f"http://127.0.0.1:{site_port}/accounts/oidc/oidc/login/callback/"

    def _command(self) -> list[str]:
        options = ["--port", str(self.port), "--state-dir", str(self.directory / "state")]
        options += ["--client-redirect-uri", self._redirect_uri]
        return [sys.executable, str(MANAGE), "run_identity_provider", *options]

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "STATE_DIR": str(self.directory / "site"),
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "DEMO_PASSWORD": PASSWORD,
            "DEMO_GROUPS": GROUP,
            **self._settings,
        }


class Site(WebProcess):
    """`manage.py run_web` with its own database."""

    def __init__(self, *, redis_url: str, oidc_url: str, port: int | None = None, **settings: str) -> None:
        super().__init__()
        self.port = port or free_port()
        self._settings = {
            "STATE_DIR": str(self.directory / "state"),
            "SITE_URL": self.url,
            "MDC_URL": redis_url,
            "OIDC_NAME": "the test provider",
            "OIDC_SERVER_URL": oidc_url,
            "OIDC_CLIENT_ID": "market-data-platform",
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_STAFF_GROUP": GROUP,
            # With it, pages use the files of the development server, so no built files are needed.
            "VITE_DEV_SERVER_PORT": "5173",
        } | settings

    def start(self) -> None:
        """Create the tables, start the process, and wait until it serves pages."""
        self.manage("migrate", "--verbosity", "0")
        super().start()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of the process."""
        return self._environment()

    def manage(self, *arguments: str) -> str:
        """The output of a management command.

        Raises:
            subprocess.CalledProcessError: the command failed.
        """
        command = [sys.executable, str(MANAGE), *arguments]
        result = subprocess.run(
            command,
            env=self._environment(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=scaled(50),
            check=True,
        )
        return result.stdout

    def _command(self) -> list[str]:
        return [sys.executable, str(MANAGE), "run_web", "--port", str(self.port)]

    def _environment(self) -> dict[str, str]:
        return super()._environment() | self._settings


class Visitor:
    """A browser without JavaScript. It keeps cookies (for all ports of a host) and follows redirects."""

    def __init__(self, **headers: str) -> None:
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers=headers)
        self.url = URL()
        self.status = 0
        self.page = ""
        self.visited: list[URL] = []

    async def open(self, url: str) -> Self:
        """Open an address."""
        async with self._http.get(url) as answer:
            return await self._arrive(answer)

    async def send_form(self, number: int = 0, /, **values: str) -> Self:
        """Send a form of the page with these values and its hidden fields."""
        form = re.findall(r"<form\b(.*?)>(.*?)</form>", self.page, re.DOTALL)[number]
        action = re.search(r'action="([^"]*)"', form[0])
        target = self.url.join(URL(html.unescape(action[1]))) if action else self.url
        hidden = {
            field["name"]: html.unescape(field.get("value", ""))
            for field in (
                dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<input\b[^>]*>", form[1])
            )
            if field.get("type") == "hidden"
        }
        headers = {"Origin": str(self.url.origin())}
        async with self._http.post(target, data=hidden | values, headers=headers) as answer:
            return await self._arrive(answer)

    async def post(self, url: str, values: list[tuple[str, str]]) -> Self:
        """Send values as a script of the site does, with the CSRF token."""
        token = self.cookie("mdp_csrf", url)
        headers = {"Origin": str(URL(url).origin()), "X-CSRFToken": token}
        async with self._http.post(url, data=values, headers=headers) as answer:
            return await self._arrive(answer)

    async def ask(self, method: str, url: str, **headers: str) -> aiohttp.ClientResponse:
        """The answer to a request with any method. Redirects are not followed."""
        async with self._http.request(method, url, headers=headers, allow_redirects=False) as answer:
            await answer.read()
            return answer

    def cookie(self, name: str, url: str) -> str:
        """The value of a cookie for the address; empty if there is none."""
        morsel = self._http.cookie_jar.filter_cookies(URL(url)).get(name)
        return morsel.value if morsel else ""

    async def log_in(
        self, site_url: str, password: str = PASSWORD, *, user: str = USER, page: str = "/"
    ) -> Self:
        """Log in through the provider, from a page of the site; by default its front page."""
        await self.open(f"{site_url}{page}")
        await self.send_form()
        if "password" in self.page:
            await self.send_form(login=user, password=password)
        return self

    def socket(self, site_url: str, **headers: str) -> aiohttp.client._WSRequestContextManager:
        """A WebSocket with the visitor's cookies and, by default, the site's Origin."""
        url = URL(site_url)
        return self._http.ws_connect(
            url / "ws/", headers={"Origin": str(url.origin())} | headers, protocols=("mdp.v2",)
        )

    async def _arrive(self, answer: aiohttp.ClientResponse) -> Self:
        self.url, self.status, self.page = answer.url, answer.status, await answer.text()
        self.visited = [each.url for each in answer.history] + [answer.url]
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._http.close()
