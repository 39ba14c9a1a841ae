"""Numbers in the words of an impact."""

from marketdata.control.views import Overview


def counted(number: int, noun: str) -> str:
    """So many of them in words, such as `1 token`, `2 tokens` and `3 batches`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'ch')) else 's'}"


def connections(overview: Overview) -> str:
    """All connections of clients, such as `1,204 connections`."""
    if overview.clients is None:
        return "an unknown number of connections"
    return counted(overview.clients.connections, "connection")
