"""The provider as the settings describe it. Apart from the other parts, since its SDK takes long to load."""

from collections.abc import Sequence

from django.conf import settings

from marketdata.providers.massive.configuration import MassiveConfiguration


def provider_configuration(
    feed: str | None = None, subscriptions: Sequence[str] | None = None
) -> MassiveConfiguration:
    """The settings, with another feed or other subscriptions where these are given.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting.
    """
    return MassiveConfiguration(
        api_key=settings.MASSIVE_API_KEY,
        feed=settings.MASSIVE_FEED if feed is None else feed,
        market=settings.MASSIVE_MARKET,
        subscriptions=tuple(settings.MASSIVE_SUBSCRIPTIONS if subscriptions is None else subscriptions),
        rest_url=settings.MASSIVE_REST_URL,
        secure=settings.MASSIVE_SECURE,
        max_reconnects=settings.MASSIVE_MAX_RECONNECTS,
    )
