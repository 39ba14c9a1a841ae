"""Reports that an account has changed: flags and roles of a user, tokens, sessions.

`account_changed` is sent with `action`, `subject`, `before`, `after` and `why`. `subject` names the user, and
with a token also its prefix. `before` and `after` have the changed values by name. `why` is the reason that
was given. No value is a secret.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from django.contrib.auth.models import Group
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import Signal, receiver

from mdp_site.accounts.models import ApiToken, User

account_changed: Final = Signal()

FLAGS: Final = ("is_active", "is_staff", "is_superuser")
_FORMER: Final = "_flags_before_save"


def report_token(action: str, token: ApiToken, why: str = "") -> None:
    """Report that a token was made or revoked."""
    subject = f"{token.user.get_username()}, token {token.prefix}"
    _report(action, subject, after={"scopes": token.scopes}, why=why)


def report_sessions_ended(action: str, user_id: int, sessions: int) -> None:
    """Report that login sessions of a user were ended by somebody."""
    name = User.objects.filter(pk=user_id).values_list("username", flat=True).first()
    _report(action, name or str(user_id), before={"sessions": sessions})


def _report(
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    why: str = "",
) -> None:
    account_changed.send(sender=None, action=action, subject=subject, before=before, after=after, why=why)


@receiver(pre_save, sender=User)
def _remember_flags(instance: User, update_fields: Collection[str] | None, **_: Any) -> None:
    # A login stores its time alone: then the flags need no query.
    if update_fields is None or set(FLAGS) & set(update_fields):
        setattr(instance, _FORMER, User.objects.filter(pk=instance.pk).values(*FLAGS).first())


@receiver(post_save, sender=User)
def _report_flags(instance: User, *, created: bool, **_: Any) -> None:
    flags = {name: getattr(instance, name) for name in FLAGS}
    if created:
        _report("user made", instance.get_username(), after=flags)
        return
    former: Mapping[str, bool] = instance.__dict__.pop(_FORMER, None) or flags
    changed = [name for name in FLAGS if former[name] != flags[name]]
    if changed:
        before, after = ({name: values[name] for name in changed} for values in (former, flags))
        _report("user changed", instance.get_username(), before=before, after=after)


@receiver(post_delete, sender=User)
def _report_deleted(instance: User, **_: Any) -> None:
    _report("user deleted", instance.get_username())


@receiver(m2m_changed, sender=User.groups.through)
def _report_groups(instance: User | Group, action: str, *, pk_set: Collection[int] | None, **_: Any) -> None:
    """Report which groups each user has got or lost. Django sends this also from the side of a group."""
    if action == "pre_clear":  # afterwards the groups are unknown
        lost = instance.user_set if isinstance(instance, Group) else instance.groups
        pk_set = list(lost.values_list("pk", flat=True))
    elif action not in ("post_add", "post_remove"):
        return
    word = "after" if action == "post_add" else "before"
    for user, groups in _memberships(instance, pk_set or ()):
        changed = {word: {"groups": groups}}
        _report("roles changed", user, before=changed.get("before"), after=changed.get("after"))


def _memberships(instance: User | Group, pks: Collection[int]) -> list[tuple[str, list[str]]]:
    """The groups of each user that a change is about."""
    if isinstance(instance, Group):
        names = User.objects.filter(pk__in=pks).values_list("username", flat=True)
        return [(name, [instance.name]) for name in names]
    groups = list(Group.objects.filter(pk__in=pks).order_by("name").values_list("name", flat=True))
    return [(instance.get_username(), groups)] if groups else []
