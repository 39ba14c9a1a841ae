"""The page on which users create, see and revoke the tokens of their programs."""

from datetime import timedelta
from typing import Any, Final, cast

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from mdp_site.accounts.guards import requires
from mdp_site.accounts.journal import TOKEN_MADE, TOKEN_REVOKED, note_token
from mdp_site.accounts.models import ApiToken, ApiTokenQuerySet
from mdp_site.accounts.roles import Right, permissions_of
from mdp_site.accounts.scopes import MARKET_SCOPES, SCOPES, offered_scopes

MOST_USABLE_TOKENS: Final = 20
"""Per user: enough for one token per program, and few enough that no user can fill the table."""
NEVER: Final = "0"
LIVES: Final = (
    ("30", _("30 days")),
    ("90", _("90 days")),
    ("365", _("1 year")),
    (NEVER, _("until revoked")),
)


class NewTokenForm(forms.Form):
    """The name, the scopes and the lifetime of a new token. It offers what roles of the user permit."""

    name = forms.CharField(
        label=_("What will use it?"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("morning report")}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Access to"),
        initial=tuple(MARKET_SCOPES),
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.ChoiceField(label=_("It works for"), choices=LIVES, initial="90")

    def __init__(self, user: Any, data: QueryDict | None = None) -> None:
        super().__init__(data, label_suffix="")
        self._user = user
        scopes = cast("forms.MultipleChoiceField", self.fields["scopes"])
        scopes.choices = [(scope, SCOPES[scope]) for scope in offered_scopes(permissions_of(user))]

    def clean(self) -> dict[str, Any]:
        """Check the number of the user's tokens.

        Raises:
            ValidationError: the user has `MOST_USABLE_TOKENS` usable tokens already.
        """
        usable = ApiToken.objects.get_queryset().usable(timezone.now()).filter(user=self._user)
        if usable.count() >= MOST_USABLE_TOKENS:
            message = _(
                "You have %(most)d usable tokens, which is the maximum. Revoke one that no program uses."
            )
            raise forms.ValidationError(message, params={"most": MOST_USABLE_TOKENS})
        return self.cleaned_data

    @sensitive_variables("raw")
    def issue(self) -> tuple[ApiToken, str]:
        """Create the token. Returns it and its secret."""
        days = int(self.cleaned_data["days"])
        expires_at = timezone.now() + timedelta(days=days) if days else None
        token, raw = ApiToken.objects.issue(
            self._user,
            name=self.cleaned_data["name"],
            expires_at=expires_at,
            scopes=self.cleaned_data["scopes"],
        )
        return token, raw


def _own(request: HttpRequest) -> ApiTokenQuerySet:
    return ApiToken.objects.get_queryset().filter(user_id=cast("int", request.user.pk))


@require_http_methods(["GET", "POST"])
@requires(Right.OWN_ACCOUNT)
@sensitive_variables("raw")
def tokens(request: HttpRequest) -> HttpResponse:
    """The user's tokens, and a form for a new token. Its secret is only in the answer to that form."""
    form = NewTokenForm(request.user, request.POST if request.method == "POST" else None)
    made, raw = None, ""
    if form.is_bound and form.is_valid():
        made, raw = form.issue()
        note_token(TOKEN_MADE, made, by=made.user_id)
        form = NewTokenForm(request.user)
    now = timezone.now()
    listed = [{"token": token, "usable": token.usable(now)} for token in _own(request)]
    context = {"form": form, "made": made, "secret": raw, "tokens": listed}
    return render(request, "account/tokens.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["POST"])
@requires(Right.OWN_ACCOUNT)
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one of the user's own tokens, and close the connections that were opened with it.

    Raises:
        Http404: the user has no such token.
    """
    token = _own(request).filter(pk=token_id).first()
    if token is None:
        raise Http404
    token.revoke()
    note_token(TOKEN_REVOKED, token, by=token.user_id)
    return redirect("api_tokens")
