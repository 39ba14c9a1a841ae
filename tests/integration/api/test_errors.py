"""Errors are problem details that name what is accepted; and what all answers have in common."""

import pytest
from pytest_django import Settings

from marketdata.store.keys import Keys
from mdp_site.web_settings import WebSettings
from tests.support.api_site import BASE, Answer, ApiSite, Program, api_site
from tests.support.widget_site import WidgetSite, use_layer

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]


def is_problem(answer: Answer, status: int, code: str) -> None:
    """Check that an answer is a problem of this kind."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"/api/v1/docs#problem-{code}"
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize(
    ("path", "pointer", "accepted"),
    [
        ("/boards/top_gainers?limit=0", "#/query/limit", "greater than or equal to 1"),
        ("/boards/top_gainers?limit=501", "#/query/limit", "less than or equal to 500"),
        ("/boards/top_gainers?limit=many", "#/query/limit", "integer"),
        ("/boards/top_gainers?format=xml", "#/query/format", "'json' or 'csv'"),
        ("/boards/top_gainers?columns=nope", "#/query/columns", "there are pct_change_since_open"),
        ("/boards/top_gainers?columns=,", "#/query/columns", "pattern"),
        ("/boards/top_gainers?colums=close", "#/query/colums", "accepted: limit, columns, format"),
        ("/boards/top_gainers?a%2Fb~=1", "#/query/a~1b~0", "no such parameter"),
        ("/boards/top_gainers?limit=1&limit=2", "#/query/limit", "accepted: one"),
        ("/quotes", "#/query/symbols", "required"),
        ("/quotes?symbols=AAPL,,MSFT", "#/query/symbols", "a letter or digit first"),
        ("/quotes?symbols=" + ",".join(f"S{n}" for n in range(51)), "#/query/symbols", "1 to 50"),
        ("/quotes/%20AAPL", "#/path/symbol", "pattern"),
        ("/quotes/" + "A" * 33, "#/path/symbol", "32"),
        ("/trades/AAPL?cursor=%00", "#/query/cursor", "pattern"),
        ("/alerts/halts?symbol=-", "#/query/symbol", "a letter or digit first"),
    ],
)
async def test_each_wrong_field_is_pointed_to(
    program: Program, path: str, pointer: str, accepted: str
) -> None:
    answer = await program.get(path)
    is_problem(answer, 422, "invalid_parameter")
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert accepted in answer.json["errors"][0]["detail"]


async def test_all_wrong_fields_are_named_at_once(program: Program) -> None:
    answer = await program.get("/boards/top_gainers?limit=0&format=xml")
    assert {error["pointer"] for error in answer.json["errors"]} == {"#/query/limit", "#/query/format"}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/boards/nope", "top_gainers"),
        ("/boards/scanners:top_gainers", "top_gainers"),
        ("/alerts/nope", "daily_range_hod_alert"),
        ("/columns/nope", "close"),
    ],
)
async def test_an_unknown_name_is_answered_with_those_that_there_are(
    program: Program, path: str, named: str
) -> None:
    answer = await program.get(path)
    is_problem(answer, 404, "unknown_name")
    assert named in answer.json["detail"]


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nope", "/api/v2/status", "/api/v1/status/", "/api/%00"]
)
async def test_an_unknown_path_below_api_is_a_problem(api: ApiSite, path: str) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        is_problem(await api.client().ask(method, path), 404, "unknown_path")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_no_other_method_does_anything(program: Program, method: str) -> None:
    answer = await program.ask(method, f"{BASE}/status")
    is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


async def test_a_host_that_is_not_ours_is_a_problem(program: Program) -> None:
    is_problem(await program.get("/status", Host="elsewhere.example"), 400, "bad_request")


async def test_a_defect_is_a_problem_without_its_reason(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise ZeroDivisionError("secret of the server")

    monkeypatch.setattr("mdp_site.api.market.status_of", fail)
    answer = await program.get("/status")
    is_problem(answer, 500, "server_error")
    assert b"secret" not in answer.body
    assert b"ZeroDivision" not in answer.body


async def test_head_has_the_headers_of_get_and_no_body(program: Program) -> None:
    got = await program.get("/columns", Accept_Encoding="identity")
    head = await program.ask("HEAD", f"{BASE}/columns", Accept_Encoding="identity")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary"):
        assert head.headers[name] == got.headers[name]


async def test_a_large_answer_is_compressed_for_those_who_accept_it(program: Program) -> None:
    plain = await program.get("/columns", Accept_Encoding="identity")
    packed = await program.get("/columns", Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.json == plain.json  # the client has unpacked it
    assert int(packed.headers["Content-Length"]) < len(plain.body) / 2
    unwanted = await program.get("/columns", Accept_Encoding="gzip;q=0, identity")
    assert "Content-Encoding" not in unwanted.headers


async def test_only_the_client_may_keep_an_answer_and_must_compare_it(program: Program) -> None:
    for path in ("/status", "/nope"):
        answer = await program.get(path)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert "Authorization" in answer.headers["Vary"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_too_many_requests_are_refused_with_the_time_to_wait(
    settings: Settings, redis_url: str, keys: Keys
) -> None:
    use_layer(settings, redis_url, keys.prefix)
    limits = WebSettings(api_requests_per_second=1, api_requests_per_second_of_user=2, api_burst_seconds=3)
    async with WidgetSite(redis_url, keys, limits=limits) as site, api_site(site) as api:
        one, other = await api.program("ada"), await api.program("ada")
        answers = [await one.get("/columns/close") for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"token";q=3;w=3, "user";q=6;w=3'
        assert answers[0].headers["RateLimit"].startswith('"token";r=2;t=1, "user";r=5;t=1')
        is_problem(answers[-1], 429, "too_many_requests")
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3
        assert '"token";r=0' in answers[-1].headers["RateLimit"]
        of_the_user = [(await other.get("/columns/close")).status for _ in range(3)]
        assert of_the_user == [200, 200, 200]
        assert (await (await api.program("bob")).get("/columns/close")).status == 200
