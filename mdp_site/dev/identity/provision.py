"""Creates the tables, the client and the users in the provider's database. It can run again and again."""

from collections.abc import Iterable
from typing import Final

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Client
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import transaction

from mdp_site.dev.identity.redirects import with_loopback_twins

EMAIL_DOMAIN: Final = "example.com"


def migrate() -> None:
    """Create or update the tables."""
    call_command("migrate", interactive=False, verbosity=0)


@transaction.atomic
def provision_client(client_id: str, client_secret: str, redirect_uris: Iterable[str]) -> Client:
    """Create or update the client, which is the site. It needs no consent page: one party runs both."""
    client = Client.objects.filter(pk=client_id).first() or Client(pk=client_id)
    client.name = "Market Data Platform"
    client.type = Client.Type.CONFIDENTIAL
    client.skip_consent = True
    client.set_secret(client_secret)
    client.set_scopes(["openid", "profile", "email"])
    client.set_grant_types([Client.GrantType.AUTHORIZATION_CODE])
    client.set_response_types([Client.ResponseType.CODE])
    client.set_redirect_uris(with_loopback_twins(redirect_uris))
    client.save()
    return client


@transaction.atomic
def provision_user(name: str, password: str, groups: Iterable[str] = ()) -> User:
    """Create or update a user, with a verified address."""
    email = f"{name}@{EMAIL_DOMAIN}"
    user, _ = User.objects.get_or_create(
        username=name, defaults={"email": email, "first_name": name.capitalize(), "last_name": "User"}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    EmailAddress.objects.update_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return user
