/* Whether the messages of a connection follow each other, and how old they are. */
#include "load_client.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000

void note_fault(struct connection *connection, const char *format, ...)
{
    struct group *group = connection->group;
    if (*group->first_fault)
        return;
    int size = snprintf(group->first_fault, sizeof group->first_fault, "client %u: ", connection->number);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(group->first_fault + size, sizeof group->first_fault - (size_t)size, format, arguments);
    va_end(arguments);
}

void count_code(struct codes *codes, unsigned code)
{
    unsigned i = 0;
    while (i < codes->size && codes->code[i] != code)
        i++;
    if (i == MOST_CODES)
        fatal("too many different codes");
    if (i == codes->size) {
        codes->code[codes->size++] = code;
        codes->count[i] = 0;
    }
    codes->count[i]++;
}

void add_time(struct times *times, int64_t ns)
{
    uint64_t ms = ns < 0 ? 0 : ((uint64_t)ns + NS_PER_MS - 1) / NS_PER_MS;
    times->count++;
    times->of_ms[ms < LONGEST_MS ? ms : LONGEST_MS]++;
    if (ms > times->max_ms)
        times->max_ms = ms;
}

static struct position *position_of(struct connection *connection, uint32_t feed)
{
    if (feed >= connection->position_count) {
        unsigned count = feed + 4;
        struct position *grown = realloc(connection->positions, count * sizeof *grown);
        if (!grown)
            fatal("no memory for positions");
        memset(grown + connection->position_count, 0, (count - connection->position_count) * sizeof *grown);
        connection->positions = grown;
        connection->position_count = count;
    }
    return &connection->positions[feed];
}

static void take_snapshot(struct connection *connection, const struct message *message, struct position *held)
{
    struct group *group = connection->group;
    if (held->epoch) {
        group->repeated_snapshots++;
        note_fault(connection, "%s: a second snapshot, seq %lld after %lld", feed_name(message->feed),
                   (long long)message->seq, (long long)held->seq);
    } else if (++connection->feeds_ready == group->feeds) {
        group->ready++;
        add_time(&group->subscriptions, now_ns() - connection->begun_ns);
    }
}

static void take_change(struct connection *connection, const struct message *message, struct position *held,
                        int64_t at_ns)
{
    struct group *group = connection->group;
    if (held->epoch != message->epoch || held->seq != message->prev || message->seq <= held->seq) {
        group->gaps++;
        note_fault(connection, "%s: seq %lld follows %lld, but %lld is held%s", feed_name(message->feed),
                   (long long)message->seq, (long long)message->prev, held->epoch ? (long long)held->seq : -1LL,
                   held->epoch && held->epoch != message->epoch ? " of another epoch" : "");
    }
    group->changes++;
    connection->changes++;
    if (message->market_time_ms >= 0)
        add_time(&group->latencies, at_ns - message->market_time_ms * NS_PER_MS);
}

/* `at_ns` is when the last byte was read, by the clock of the wall, as is the time in the message. */
void check_message(struct connection *connection, const struct message *message, int64_t at_ns)
{
    struct group *group = connection->group;
    if (message->fault) {
        group->corrupt++;
        note_fault(connection, "a message is invalid: %s", message->fault);
        return;
    }
    if (message->kind == REFUSAL) {
        group->errors++;
        note_fault(connection, "the server answers %s", message->text);
    }
    if (message->kind == REFUSAL || message->kind == OTHER)
        return;
    struct position *held = position_of(connection, message->feed);
    if (message->kind == SNAPSHOT)
        take_snapshot(connection, message, held);
    else
        take_change(connection, message, held, at_ns);
    *held = (struct position){.seq = message->seq, .epoch = message->epoch};
}
