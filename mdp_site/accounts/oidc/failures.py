"""The errors of a login that fails without the person's choice."""


class LoginFailed(Exception):
    """The login failed. `step` is the request, `reason` the error in its answer. They are only logged."""

    status = 403
    event = "login refused"

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


class AnswerRefused(LoginFailed):
    """The provider answered, but the answer does not prove an identity."""


class IdentityProviderUnavailable(LoginFailed):
    """The provider is unreachable, slow or broken, or refuses the site. An operator must act."""

    status = 503
    event = "login failed: the identity provider does not serve"
