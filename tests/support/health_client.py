"""Asking a process for its health, as a probe does."""

import aiohttp


async def probe(port: object, path: str) -> tuple[int, str]:
    """Status and body of a health endpoint on this machine.

    Raises:
        aiohttp.ClientError: nobody answers there.
    """
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()
