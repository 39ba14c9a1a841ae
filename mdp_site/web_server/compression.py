"""The form of `permessage-deflate` in which one compressed frame is valid on every connection."""

from collections.abc import Sequence
from typing import Final

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.typing import ExtensionParameter

SERVER_WINDOW_BITS: Final = 15
"""The window of prepared frames (`widgets.wire.frames`)."""


class SharedDeflateFactory(ServerPerMessageDeflateFactory):
    """Agrees with clients on `server_no_context_takeover; client_no_context_takeover`.

    RFC 7692, section 7.1.1.1: a server may answer so whether or not the client asked for it. Then no
    connection keeps a window, which would take 36 kB, and the same bytes are valid on all connections.
    """

    def __init__(self) -> None:
        super().__init__(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            compress_settings={"memLevel": 5},
        )

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Accept one offer of the client.

        Raises:
            NegotiationError: the client demands a smaller window of the server than prepared frames use.
        """
        answer, deflate = super().process_request_params(params, accepted_extensions)
        if deflate.local_max_window_bits < SERVER_WINDOW_BITS:
            raise NegotiationError(f"prepared frames use a window of {SERVER_WINDOW_BITS} bits")
        return answer, deflate
