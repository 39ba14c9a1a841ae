/* What is done with many connections at once. */
#include "load_client.h"

#include <string.h>

#define FLOOD_FRAMES 1000 /* of each flooder, with each call of `flood` */

/* Change what all open connections of a group do. */
void behave(struct group *group, enum behaviour behaviour)
{
    group->behaviour = behaviour;
    for (unsigned i = 0; i < connection_count; i++)
        if (connections[i]->group == group && connections[i]->phase == OPEN)
            watch_again(connections[i]);
}

/* Read one byte of each connection that reads slowly. */
void trickle(void)
{
    for (unsigned i = 0; i < connection_count; i++)
        if (connections[i]->group->behaviour == TRICKLES && connections[i]->phase == OPEN)
            read_some(connections[i], 1);
}

/* Send many small messages from each connection that floods, as far as the server takes them. */
void flood(void)
{
    static const char ping[] = "{\"type\":\"ping\",\"id\":1}";
    static uint8_t frames[FLOOD_FRAMES * (sizeof ping + 14)];
    size_t size = 0;
    for (unsigned i = 0; i < FLOOD_FRAMES; i++)
        size += masked_frame(frames + size, 1, (const uint8_t *)ping, sizeof ping - 1);
    for (unsigned i = 0; i < connection_count; i++) {
        struct connection *connection = connections[i];
        if (connection->group->behaviour != FLOODS || connection->phase != OPEN || connection->unsent_size)
            continue;
        queue_bytes(connection, frames, size);
        write_unsent(connection);
    }
}

void begin_window(struct group *group)
{
    group->bytes = group->frames = group->changes = 0;
    memset(&group->handshakes, 0, sizeof group->handshakes);
    memset(&group->subscriptions, 0, sizeof group->subscriptions);
    memset(&group->latencies, 0, sizeof group->latencies);
    for (unsigned i = 0; i < connection_count; i++)
        if (connections[i]->group == group)
            connections[i]->changes = 0;
}

void range_of_changes(const struct group *group, uint64_t *least, uint64_t *most)
{
    *least = UINT64_MAX;
    *most = 0;
    for (unsigned i = 0; i < connection_count; i++) {
        if (connections[i]->group != group || connections[i]->phase != OPEN)
            continue;
        *least = connections[i]->changes < *least ? connections[i]->changes : *least;
        *most = connections[i]->changes > *most ? connections[i]->changes : *most;
    }
    if (*least == UINT64_MAX)
        *least = 0;
}
