"""Schemathesis asks every operation of the document with right and wrong parameters, on a real server."""

import asyncio
from typing import Any, Final

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given
from pytest_django import Settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from marketdata.store.keys import Keys
from mdp_site.accounts.roles import OPERATORS
from mdp_site.api.assembly import document
from mdp_site.api.operations import DESCRIBED
from mdp_site.web_settings import WebSettings
from tests.support.api_site import BASE, api_site
from tests.support.deadlines import scaled
from tests.support.widget_site import WidgetSite, use_layer

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]

EXAMPLES_OF_A_KIND: Final = 12
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CHECKS_OF: Final[dict[GenerationMode, list[Any]]] = {
    GenerationMode.POSITIVE: CHECKS,
    GenerationMode.NEGATIVE: [*CHECKS, negative_data_rejection],
}
UNLIMITED: Final = WebSettings(
    api_requests_per_second=100_000, api_requests_per_second_of_user=100_000, api_changes_per_second=100_000
)


def usual_answer(operation: Any, path: str, origin: str, headers: dict[str, str]) -> requests.Response:
    """The answer to the example of an operation."""
    described = DESCRIBED[operation.definition.raw["operationId"]]
    body = {name: value for name, value in (described.example_body or {}).items() if name != "expected"}
    return requests.request(
        described.method,
        origin + BASE + path,
        headers=headers | {"If-Match": "*"},
        json=body if described.body is not None else None,
        timeout=scaled(20.0),
    )


def fuzz(operation: Any, mode: GenerationMode, path: str, origin: str, secret: str) -> int:
    """Ask one operation with generated parameters. `path` is that of its example.

    Returns how often it was asked.

    Raises:
        schemathesis.FailureGroup: an answer is not as the document says.
    """
    asked = 0
    usual = usual_answer(operation, path, origin, {"Authorization": f"Bearer {secret}"})
    assert usual.status_code in {200, 202}
    operation.validate_response(usual)

    @hypothesis.seed(20261128)
    @hypothesis.settings(
        max_examples=EXAMPLES_OF_A_KIND,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        nonlocal asked
        asked += 1
        response = case.call(base_url=origin, headers={"Authorization": f"Bearer {secret}"})
        case.validate_response(response, checks=CHECKS_OF[mode])

    ask()
    return asked


@pytest.mark.timeout(300)
@pytest.mark.parametrize("of_the_platform", [False, True], ids=["market", "platform"])
async def test_every_operation_answers_as_the_document_says(
    settings: Settings, redis_url: str, keys: Keys, of_the_platform: bool
) -> None:
    use_layer(settings, redis_url, keys.prefix)
    schema = schemathesis.openapi.from_dict(document())
    async with WidgetSite(redis_url, keys, limits=UNLIMITED) as site, api_site(site) as api:
        secret, _ = await api.token("ada", role=OPERATORS)
        await api.make_examples()
        for result in schema.get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()
            name = operation.definition.raw["operationId"]
            if (DESCRIBED[name].permission in {"operations", "control"}) is not of_the_platform:
                continue
            path = api.example_path(name)
            for mode in CHECKS_OF:
                if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
                    continue
                asked = await asyncio.to_thread(fuzz, operation, mode, path, site.origin, secret)
                assert asked > 0, operation.label
