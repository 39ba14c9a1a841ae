"""The feed's conversation with one client, without a network."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError
from marketdata.providers.emulator import ApiKey, ProtocolSettings
from marketdata.providers.massive.emulator.protocol import (
    KNOWN_CHANNELS,
    Conversation,
    NextStep,
    Reply,
    parse_subscriptions,
)

SETTINGS = ProtocolSettings(api_keys=(ApiKey("full"), ApiKey("small", frozenset({"A", "AM"}))))
TICKERS = st.text("ABCDEFGpM.", min_size=1, max_size=6)
ENTRIES = st.tuples(st.sampled_from(["A", "AM", "T", "Q", "LULD"]), st.just("*") | TICKERS)


def say(conversation: Conversation, action: str, params: str) -> Reply:
    return conversation.receive(json.dumps({"action": action, "params": params}))


def authenticated(key: str = "full", settings: ProtocolSettings = SETTINGS) -> Conversation:
    conversation = Conversation(settings)
    assert say(conversation, "auth", key).outcome is NextStep.AUTHENTICATED
    return conversation


def statuses(reply: Reply) -> list[str]:
    return [event["message"] for frame in reply.frames for event in json.loads(frame)]


def test_a_good_key_is_let_in_from_text_and_binary_frames_alike() -> None:
    for data in ('{"action": "auth", "params": "full"}', b'{"action":"auth","params":"full"}'):
        reply = Conversation(SETTINGS).receive(data)
        assert json.loads(reply.frames[0]) == [
            {"ev": "status", "status": "auth_success", "message": "authenticated"}
        ]


def test_a_bad_key_is_told_so_and_cut_off() -> None:
    reply = say(Conversation(SETTINGS), "auth", "wrong")
    assert reply.outcome is NextStep.ABORT
    assert json.loads(reply.frames[0])[0]["status"] == "auth_failed"


def test_nothing_is_subscribed_before_authentication() -> None:
    conversation = Conversation(SETTINGS)
    reply = say(conversation, "subscribe", "A.*")
    assert json.loads(reply.frames[0])[0]["status"] == "auth_required"
    assert not len(conversation.subscriptions)


def test_each_channel_is_acknowledged_in_one_frame_or_in_one_each() -> None:
    one_frame = say(authenticated(), "subscribe", "A.*, T.BRK.B")
    assert len(one_frame.frames) == 1
    assert statuses(one_frame) == ["subscribed to: A.*", "subscribed to: T.BRK.B"]
    settings = ProtocolSettings(api_keys=(ApiKey("full"),), acknowledge_in_one_frame=False)
    assert len(say(authenticated(settings=settings), "subscribe", "A.*,T.BRK.B").frames) == 2


def test_unknown_channels_are_passed_over_and_unknown_tickers_acknowledged() -> None:
    assert say(authenticated(), "subscribe", "ZZ.AAPL,nonsense,T.,.AAPL").frames == ()
    assert statuses(say(authenticated(), "subscribe", "ZZ.AAPL,T.NOTATICKER")) == [
        "subscribed to: T.NOTATICKER"
    ]


def test_a_repeated_subscription_is_not_acknowledged_again() -> None:
    conversation = authenticated()
    say(conversation, "subscribe", "A.*")
    assert say(conversation, "subscribe", "A.*").frames == ()


def test_a_channel_outside_the_plan_is_refused_and_the_others_are_not() -> None:
    conversation = authenticated("small")
    reply = say(conversation, "subscribe", "LULD.*,A.*")
    assert json.loads(reply.frames[0])[0] == {"ev": "status", "status": "error", "message": "not authorized"}
    assert statuses(reply) == ["not authorized", "subscribed to: A.*"]
    assert not conversation.subscriptions.wants_all("LULD")


def test_the_whole_channel_outlives_the_end_of_one_ticker() -> None:
    conversation = authenticated()
    say(conversation, "subscribe", "T.AAPL")
    say(conversation, "subscribe", "T.*")
    assert statuses(say(conversation, "unsubscribe", "T.AAPL")) == ["unsubscribed to: T.AAPL"]
    assert conversation.subscriptions.wants_all("T")
    assert not conversation.subscriptions.tickers()


def test_channels_whose_names_begin_alike_are_apart() -> None:
    conversation = authenticated()
    say(conversation, "subscribe", "A.*,AM.*")
    say(conversation, "unsubscribe", "A.*")
    assert not conversation.subscriptions.wants_all("A")
    assert conversation.subscriptions.wants_all("AM")


@pytest.mark.parametrize("data", ["", "[]", "null", '{"params":"A.*"}', '{"action":7}', b"\xff\xfe", "{"])
def test_a_message_that_is_none_is_answered_and_harms_nothing(data: str | bytes) -> None:
    conversation = authenticated()
    reply = conversation.receive(data)
    assert json.loads(reply.frames[0])[0]["status"] == "error"
    assert reply.outcome is NextStep.CONTINUE
    assert statuses(say(conversation, "subscribe", "A.*")) == ["subscribed to: A.*"]


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_no_message_breaks_the_conversation(data: str | bytes) -> None:
    assert isinstance(Conversation(SETTINGS).receive(data), Reply)


@given(st.lists(ENTRIES, max_size=8), st.sampled_from([",", ", ", " ,"]))
def test_a_list_is_read_back_as_it_was_written(entries: list[tuple[str, str]], separator: str) -> None:
    params = separator.join(f"{channel}.{ticker}" for channel, ticker in entries)
    assert list(parse_subscriptions(params)) == entries


@given(st.lists(st.tuples(st.booleans(), ENTRIES), max_size=25))
def test_what_is_wanted_is_what_was_last_said(history: list[tuple[bool, tuple[str, str]]]) -> None:
    conversation = authenticated()
    wanted: set[tuple[str, str]] = set()
    for begins, (channel, ticker) in history:
        say(conversation, "subscribe" if begins else "unsubscribe", f"{channel}.{ticker}")
        (wanted.add if begins else wanted.discard)((channel, ticker))
    subscriptions = conversation.subscriptions
    whole = {channel for channel, ticker in wanted if ticker == "*"}
    assert {channel for channel in ("A", "AM", "T", "Q", "LULD") if subscriptions.wants_all(channel)} == whole
    singles = {(channel, ticker) for channel, ticker in wanted if channel not in whole}
    assert {(c, ticker) for c, tickers in subscriptions.tickers().items() for ticker in tickers} == singles


def test_keys_are_read_with_their_channels() -> None:
    assert ApiKey.parse("demo", KNOWN_CHANNELS) == ApiKey("demo")
    assert ApiKey.parse("small:A,AM", KNOWN_CHANNELS) == ApiKey("small", frozenset({"A", "AM"}))
    for text in ("", ":A", "demo:", "demo:ZZ", "a b"):
        with pytest.raises(ConfigurationError, match="API key"):
            ApiKey.parse(text, KNOWN_CHANNELS)
