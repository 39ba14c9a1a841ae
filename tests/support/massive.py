"""Settings of the Massive provider, as a test needs them."""


def rest_settings(rest_url: str, api_key: str) -> dict[str, object]:
    """Those that its REST service takes."""
    return {"MASSIVE_REST_URL": rest_url, "MASSIVE_API_KEY": api_key}
