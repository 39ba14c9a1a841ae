"""The two ways in which a login comes to nothing that is not the person's own choice."""


class LoginFailed(Exception):
    """No login. `step` names what was asked for, `reason` what is wrong with the answer: for the log only."""

    status = 403
    event = "login refused"

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


class AnswerRefused(LoginFailed):
    """The provider answered, and the answer proves nobody's identity."""


class IdentityProviderUnavailable(LoginFailed):
    """The provider is away, slow or broken, or refuses the site itself: an operator has to look."""

    status = 503
    event = "login failed: the identity provider does not serve"
