/* What a message says. Ten thousand connections receive the same bytes, so each distinct body is unpacked and
 * read once, and known again by a comparison of all its bytes: a body that differs in one bit is a new one. */
#include "load_client.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define KNOWN 8192              /* bodies that are remembered, */
#define KNOWN_BYTES (256u << 20) /* with at most so many bytes in all */
#define SLOTS 16384
#define LONGEST_UNPACKED (16u << 20)
#define EDGE 64

struct known {
    struct message message;
    uint64_t key;
    uint8_t *body;
    size_t size;
    bool packed;
    int next; /* in the same slot, plus one; 0 ends the chain */
};

uint64_t distinct_messages;
static struct known known[KNOWN];
static int slots[SLOTS];
static unsigned oldest, known_count;
static size_t known_bytes;

/* Names of feeds and epochs, by number from 1. */
struct names {
    uint32_t count;
    char *name[MOST_NAMES];
    uint32_t slot[2 * MOST_NAMES];
};
static struct names feeds, epochs;

static uint64_t mixed(uint64_t key, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        key = (key ^ bytes[i]) * 0x100000001b3u; /* FNV-1a */
    return key;
}

static uint32_t number_of(struct names *names, const char *name)
{
    uint64_t slot = mixed(0xcbf29ce484222325u, (const uint8_t *)name, strlen(name)) % (2 * MOST_NAMES);
    for (; names->slot[slot]; slot = (slot + 1) % (2 * MOST_NAMES))
        if (!strcmp(names->name[names->slot[slot] - 1], name))
            return names->slot[slot];
    if (names->count == MOST_NAMES)
        fatal("too many names of feeds or epochs");
    names->name[names->count] = strdup(name);
    return names->slot[slot] = ++names->count;
}

const char *feed_name(uint32_t feed)
{
    return feed ? feeds.name[feed - 1] : "";
}

static void judge(const struct fields *fields, struct message *message)
{
    message->seq = fields->seq;
    message->prev = fields->prev;
    message->market_time_ms = fields->market_time_ms;
    if (!strcmp(fields->type, "snapshot"))
        message->kind = SNAPSHOT;
    else if (!strcmp(fields->type, "delta") || !strcmp(fields->type, "append") || !strcmp(fields->type, "alert"))
        message->kind = CHANGE;
    else if (!strcmp(fields->type, "error"))
        message->kind = REFUSAL;
    else
        message->kind = OTHER;
    if (!*fields->type)
        message->fault = "a message without a type";
    if (message->kind == REFUSAL)
        snprintf(message->text, sizeof message->text, "%s: %s", fields->code, fields->message);
    if (message->kind == REFUSAL || message->kind == OTHER)
        return;
    if (!*fields->feed || !*fields->epoch || fields->seq < 0)
        message->fault = "a message of a feed without feed, epoch or seq";
    else if (message->kind == CHANGE && fields->prev < 0)
        message->fault = "a change without prev";
    else {
        message->feed = number_of(&feeds, fields->feed);
        message->epoch = number_of(&epochs, fields->epoch);
    }
}

static void read_body(const uint8_t *body, size_t size, struct message *message)
{
    struct fields fields;
    if (read_fields(body, size, &fields))
        judge(&fields, message);
    else
        message->fault = "not a JSON object";
}

/* Unpack a body that was packed without context (RFC 7692, section 7.2.2), and read it. */
static void unpack(const uint8_t *body, size_t size, struct message *message)
{
    static z_stream stream;
    static uint8_t *unpacked;
    static uint8_t marker[] = {0x00, 0x00, 0xff, 0xff};
    if (!unpacked) {
        unpacked = malloc(LONGEST_UNPACKED);
        if (!unpacked || inflateInit2(&stream, -MAX_WBITS) != Z_OK)
            fatal("no memory to unpack messages");
    }
    inflateReset(&stream);
    stream.next_out = unpacked;
    stream.avail_out = LONGEST_UNPACKED;
    stream.next_in = (uint8_t *)(uintptr_t)body;
    stream.avail_in = (unsigned)size;
    int result = inflate(&stream, Z_SYNC_FLUSH);
    if (result == Z_OK && !stream.avail_in) {
        stream.next_in = marker;
        stream.avail_in = sizeof marker;
        result = inflate(&stream, Z_SYNC_FLUSH);
    }
    if (result != Z_OK || stream.avail_in)
        message->fault = "cannot be unpacked";
    else
        read_body(unpacked, LONGEST_UNPACKED - stream.avail_out, message);
}

static void forget_oldest(void)
{
    struct known *gone = &known[oldest];
    int *link = &slots[gone->key % SLOTS];
    while (*link - 1 != (int)oldest) /* links are one more than the index, so that 0 ends a chain */
        link = &known[*link - 1].next;
    *link = gone->next;
    known_bytes -= gone->size;
    free(gone->body);
    gone->body = NULL;
    oldest = (oldest + 1) % KNOWN;
    known_count--;
}

const struct message *message_of(const uint8_t *body, size_t size, bool packed)
{
    size_t edge = size < EDGE ? size : EDGE;
    uint64_t key = mixed(size * 2 + packed, body, edge);
    key = mixed(key, body + size - edge, edge);
    key ^= key >> 29;
    for (int link = slots[key % SLOTS]; link; link = known[link - 1].next) {
        const struct known *one = &known[link - 1];
        if (one->key == key && one->size == size && one->packed == packed && !memcmp(one->body, body, size))
            return &one->message;
    }
    while (known_count && (known_count == KNOWN || known_bytes + size > KNOWN_BYTES))
        forget_oldest();
    unsigned index = (oldest + known_count++) % KNOWN;
    struct known *one = &known[index];
    *one = (struct known){.key = key, .size = size, .packed = packed, .next = slots[key % SLOTS]};
    one->body = malloc(size ? size : 1);
    if (!one->body)
        fatal("no memory for messages");
    memcpy(one->body, body, size);
    known_bytes += size;
    slots[key % SLOTS] = (int)index + 1;
    distinct_messages++;
    (packed ? unpack : read_body)(body, size, &one->message);
    return &one->message;
}
