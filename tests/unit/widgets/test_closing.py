"""Each close code has an action that the specification lists, and its reason fits into a close frame."""

from pathlib import Path

import pytest

from widgets.protocol import CloseAction, CloseCode, ErrorCode

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
LONGEST_REASON_BYTES = 123  # RFC 6455, section 5.5.1


@pytest.mark.parametrize("code", CloseCode)
def test_the_specification_has_the_action_of_each_close_code(code: CloseCode) -> None:
    assert f"| {code.value} | {code.action} | " in PAGE
    assert code.reason.partition(": ")[0] in list(CloseAction)
    assert len(code.reason.encode()) <= LONGEST_REASON_BYTES


@pytest.mark.parametrize("action", CloseAction)
def test_the_specification_has_each_action(action: CloseAction) -> None:
    assert f"| `{action}` | " in PAGE


@pytest.mark.parametrize("code", ErrorCode)
def test_the_specification_has_each_error_code(code: ErrorCode) -> None:
    assert f"| `{code}` | " in PAGE
