"""Times in the admin are those of the market, and its pages say so."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client


@pytest.mark.django_db
def test_a_page_of_the_admin_names_the_zone_of_its_times() -> None:
    client = Client()
    user = get_user_model().objects.create_user("root", is_staff=True, is_superuser=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/admin/accounts/user/").content.decode()
    assert "Times: America/New_York" in page
