"""The AsyncAPI 3.0 document of the WebSocket protocol, made from the structs that are sent and received.

`message_schemas` makes the JSON schema of each message, and adds what a type cannot say: `members` describes
each member. `examples` encodes a message of each kind. `document` puts them together with the address, the
logins and the close codes. A member without a description, or a description without a member, is refused.
"""

from widgets.asyncapi.document import asyncapi_document, encode_document
from widgets.asyncapi.message_schemas import UndescribedMember

__all__ = ["UndescribedMember", "asyncapi_document", "encode_document"]
