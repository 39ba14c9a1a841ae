/* RFC 6455, as much of it as a client of our server needs. */
#include "load_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Every request has the key of section 1.3 of the RFC, so the answer is known. */
static const char accept_value[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

int handshake_status(const char *head)
{
    return strncmp(head, "HTTP/1.1 ", 9) ? 0 : atoi(head + 9);
}

/* The value of a header, up to the end of its line; NULL if it is absent. */
static const char *header(const char *head, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, size) && line[2 + size] == ':') {
            const char *value = line + 3 + size;
            return value + strspn(value, " ");
        }
    return NULL;
}

static bool mentions(const char *value, const char *word)
{
    const char *end = strstr(value, "\r\n"), *found = strstr(value, word);
    return found && found < end;
}

/* Why a client could not go on after this answer, or NULL. */
const char *handshake_fault(const char *head, bool *deflates)
{
    const char *accept = header(head, "sec-websocket-accept");
    const char *extensions = header(head, "sec-websocket-extensions");
    if (!accept || strncmp(accept, accept_value, sizeof accept_value - 1))
        return "the answer has no valid Sec-WebSocket-Accept";
    *deflates = extensions && mentions(extensions, "permessage-deflate");
    if (*deflates && !mentions(extensions, "server_no_context_takeover"))
        return "the server compresses with context takeover: no frame can be the same for two clients";
    return NULL;
}

enum parsed parse_frame(const uint8_t *bytes, size_t size, struct frame *frame, const char **fault)
{
    if (size < 2)
        return INCOMPLETE;
    size_t head = 2;
    uint64_t length = bytes[1] & 0x7f;
    if (length >= 126) {
        size_t more = length == 126 ? 2 : 8;
        head += more;
        if (size < head)
            return INCOMPLETE;
        length = 0;
        for (size_t i = 0; i < more; i++)
            length = length << 8 | bytes[2 + i];
    }
    frame->opcode = bytes[0] & 0x0f;
    frame->packed = bytes[0] & 0x40;
    *fault = bytes[1] & 0x80                               ? "a masked frame of the server"
             : bytes[0] & 0x30                             ? "a frame with a reserved bit"
             : !(bytes[0] & 0x80) || !frame->opcode        ? "a fragmented message"
             : frame->opcode > 2 && frame->opcode < 8      ? "a frame with a reserved opcode"
             : frame->opcode > 10                          ? "a frame with a reserved opcode"
             : frame->opcode > 2 && length > 125           ? "a long control frame"
             : frame->opcode > 2 && frame->packed          ? "a packed control frame"
             : length > ARENA_BYTES / 2                    ? "a frame above 2 MiB"
                                                           : NULL;
    if (*fault)
        return INVALID;
    frame->body = bytes + head;
    frame->size = (size_t)length;
    frame->whole_size = head + frame->size;
    return size < frame->whole_size ? INCOMPLETE : COMPLETE;
}

/* Write a frame of the client; `to` has room for 14 bytes more than the body. Returns its size. */
size_t masked_frame(uint8_t *to, unsigned opcode, const uint8_t *body, size_t size)
{
    size_t head = 0;
    uint8_t mask[4];
    for (size_t i = 0; i < 4; i++)
        mask[i] = (uint8_t)(rand() >> 7);
    to[head++] = (uint8_t)(0x80 | opcode);
    if (size < 126)
        to[head++] = (uint8_t)(0x80 | size);
    else {
        size_t more = size < 65536 ? 2 : 8;
        to[head++] = more == 2 ? 0xfe : 0xff;
        for (size_t i = more; i-- > 0;)
            to[head++] = (uint8_t)((uint64_t)size >> 8 * i);
    }
    memcpy(to + head, mask, 4);
    head += 4;
    for (size_t i = 0; i < size; i++)
        to[head + i] = body[i] ^ mask[i & 3];
    return head + size;
}
