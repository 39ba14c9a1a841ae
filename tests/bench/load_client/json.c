/* A strict reader of one JSON object (RFC 8259). It checks all of the text and keeps some fields. */
#include "load_client.h"

#include <stdlib.h>
#include <string.h>

#define DEEPEST 32

struct reader {
    const uint8_t *at, *end;
};

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4))
        reader->at++;
}

static bool skip(struct reader *reader, char expected)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != (uint8_t)expected)
        return false;
    reader->at++;
    return true;
}

static bool is_hex(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'f');
}

/* A text; its bytes, escapes left as they are, go to `to` as far as there is room. */
static bool read_text(struct reader *reader, char *to, size_t room)
{
    size_t length = 0;
    if (!skip(reader, '"'))
        return false;
    while (reader->at < reader->end && *reader->at != '"') {
        const uint8_t *from = reader->at;
        if (*from < 0x20)
            return false;
        size_t size = 1;
        if (*from == '\\') {
            if (reader->end - from < 2 || !memchr("\"\\/bfnrtu", from[1], 9))
                return false;
            size = from[1] == 'u' ? 6 : 2;
            if ((size_t)(reader->end - from) < size)
                return false;
            for (size_t i = 2; i < size; i++)
                if (!is_hex(from[i]))
                    return false;
        }
        if (to && length + size < room) {
            memcpy(to + length, from, size);
            length += size;
        }
        reader->at += size;
    }
    if (to)
        to[length] = 0;
    return skip(reader, '"');
}

static size_t skip_digits(struct reader *reader)
{
    const uint8_t *from = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return (size_t)(reader->at - from);
}

/* A number; a whole one that is not negative goes to `to`. */
static bool read_number(struct reader *reader, int64_t *to)
{
    const uint8_t *from = reader->at;
    bool whole = true;
    if (reader->at < reader->end && *reader->at == '-') {
        whole = false;
        reader->at++;
    }
    const uint8_t *digits = reader->at;
    size_t count = skip_digits(reader);
    if (!count || (count > 1 && *digits == '0'))
        return false;
    if (reader->at < reader->end && *reader->at == '.') {
        whole = false;
        reader->at++;
        if (!skip_digits(reader))
            return false;
    }
    if (reader->at < reader->end && (*reader->at | 32) == 'e') {
        whole = false;
        reader->at++;
        if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
            reader->at++;
        if (!skip_digits(reader))
            return false;
    }
    if (to && whole && count < 19) {
        *to = 0;
        for (; from < reader->at; from++)
            *to = 10 * *to + (*from - '0');
    }
    return true;
}

static bool read_word(struct reader *reader)
{
    static const char *const words[] = {"null", "true", "false"};
    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(reader->end - reader->at) >= size && !memcmp(reader->at, words[i], size)) {
            reader->at += size;
            return true;
        }
    }
    return false;
}

static bool skip_value(struct reader *reader, int depth);

static bool skip_list(struct reader *reader, bool named, int depth)
{
    char last = named ? '}' : ']';
    reader->at++;
    if (skip(reader, last))
        return true;
    do {
        if (named && !(read_text(reader, NULL, 0) && skip(reader, ':')))
            return false;
        if (!skip_value(reader, depth + 1))
            return false;
    } while (skip(reader, ','));
    return skip(reader, last);
}

static bool skip_value(struct reader *reader, int depth)
{
    skip_space(reader);
    if (reader->at == reader->end || depth > DEEPEST)
        return false;
    switch (*reader->at) {
    case '{':
        return skip_list(reader, true, depth);
    case '[':
        return skip_list(reader, false, depth);
    case '"':
        return read_text(reader, NULL, 0);
    case 'n':
    case 't':
    case 'f':
        return read_word(reader);
    default:
        return read_number(reader, NULL);
    }
}

static bool read_field(struct reader *reader, const char *name, struct fields *fields)
{
    const struct {
        const char *name;
        char *text;
        size_t room;
        int64_t *number;
    } kept[] = {
        {"type", fields->type, sizeof fields->type, NULL},
        {"feed", fields->feed, sizeof fields->feed, NULL},
        {"epoch", fields->epoch, sizeof fields->epoch, NULL},
        {"code", fields->code, sizeof fields->code, NULL},
        {"message", fields->message, sizeof fields->message, NULL},
        {"seq", NULL, 0, &fields->seq},
        {"prev", NULL, 0, &fields->prev},
        {"market_time_ms", NULL, 0, &fields->market_time_ms},
    };
    skip_space(reader);
    if (reader->at == reader->end)
        return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (strcmp(name, kept[i].name))
            continue;
        if (kept[i].text && *reader->at == '"')
            return read_text(reader, kept[i].text, kept[i].room);
        if (kept[i].number && *reader->at >= '0' && *reader->at <= '9')
            return read_number(reader, kept[i].number);
    }
    return skip_value(reader, 1);
}

bool read_fields(const uint8_t *text, size_t size, struct fields *fields)
{
    struct reader reader = {text, text + size};
    char name[32];
    *fields = (struct fields){.seq = -1, .prev = -1, .market_time_ms = -1};
    if (!skip(&reader, '{'))
        return false;
    if (!skip(&reader, '}')) {
        do {
            if (!read_text(&reader, name, sizeof name) || !skip(&reader, ':') ||
                !read_field(&reader, name, fields))
                return false;
        } while (skip(&reader, ','));
        if (!skip(&reader, '}'))
            return false;
    }
    skip_space(&reader);
    return reader.at == reader.end;
}
