"""Parameters of queries: what an operation does not have is refused, however much of it there is."""

import pytest
from django.test import RequestFactory

from mdp_site.api.parameters import refuse_unknown_parameters
from mdp_site.api.problems import Problem


@pytest.mark.parametrize("count", [1, 100, 5_000])
def test_any_number_of_unknown_parameters_is_a_problem_that_says_what_is_accepted(count: int) -> None:
    request = RequestFactory().get("/?" + "&".join(f"a{n}=1" for n in range(count)))
    with pytest.raises(Problem, match=r"parameter.*; accepted: limit, columns") as raised:
        refuse_unknown_parameters(request, ["limit", "columns"])
    assert raised.value.code == "invalid_parameter"
