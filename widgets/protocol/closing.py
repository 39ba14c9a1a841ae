"""The codes with which the server ends a connection, and what the client should do then."""

import enum


class CloseAction(enum.StrEnum):
    """What a client should do after the end of its connection."""

    RECONNECT = "reconnect"
    LOG_IN_AGAIN = "log in again"
    STOP = "stop"


class CloseCode(enum.IntEnum):
    """Why the server ends a connection. Each code has an action, and words for people."""

    action: CloseAction
    words: str

    def __new__(cls, code: int, action: CloseAction, words: str) -> "CloseCode":
        """A code with its action and words."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.action, member.words = action, words
        return member

    GOING_AWAY = 1001, CloseAction.RECONNECT, "the server stops"
    PROTOCOL_ERROR = 1002, CloseAction.STOP, "a frame breaks the protocol"
    INVALID_TEXT = 1007, CloseAction.STOP, "a text is not UTF-8"
    TOO_MANY_FRAMES = 1008, CloseAction.STOP, "too many pings, pongs or fragments"
    FRAME_TOO_LARGE = 1009, CloseAction.STOP, "a frame is too large"
    NO_ANSWER = 1011, CloseAction.RECONNECT, "no answer to a ping, or a defect of the server"
    RESTART = 1012, CloseAction.RECONNECT, "the server restarts"
    TRY_LATER = 1013, CloseAction.RECONNECT, "the process has as many connections as it can serve"
    SESSION_ENDED = 4401, CloseAction.LOG_IN_AGAIN, "the login session or the token ended"
    INVALID_KEY = 4402, CloseAction.LOG_IN_AGAIN, "the API key is not valid"
    FORBIDDEN = 4403, CloseAction.STOP, "the user may no longer see market data"
    NO_KEY = 4407, CloseAction.STOP, "no API key in time"
    TOO_SLOW = 4408, CloseAction.RECONNECT, "the client reads too slowly"
    MESSAGE_TOO_LARGE = 4409, CloseAction.STOP, "a message is too large"
    DISCONNECTED = 4410, CloseAction.RECONNECT, "an operator ended the connection"
    TOO_MANY_CONNECTIONS = 4429, CloseAction.STOP, "too many connections of this user"
    TOO_MANY_MESSAGES = 4430, CloseAction.STOP, "too many messages"

    @property
    def reason(self) -> str:
        """The reason of the close frame: the action, then words for people. At most 123 bytes (RFC 6455)."""
        return f"{self.action}: {self.words}"

    def reason_of(self, limit: str) -> str:
        """The reason that also names the setting of the limit that was exceeded."""
        return f"{self.reason} ({limit})"
