"""A client of health endpoints."""

import aiohttp


async def probe(port: object, path: str) -> tuple[int, str]:
    """The status and body of a health endpoint on this machine.

    Raises:
        aiohttp.ClientError: no process answers there.
    """
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()
