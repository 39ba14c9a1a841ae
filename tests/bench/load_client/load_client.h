/* A load client for the Widget Data Service: one thread, epoll, thousands of WebSocket clients.
 *
 * main.c         commands on the standard input, and the loop
 * connections.c  the life of a connection: connect, handshake, read, end
 * crowds.c       what is done with many connections at once
 * websocket.c    RFC 6455: the answer to a handshake, frames of the server, frames of the client
 * messages.c     what a message says; each distinct message is unpacked and read only once
 * json.c         a strict reader of one JSON object
 * checks.c       whether the messages of a connection follow each other
 * report.c       figures of a group as JSON
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MOST_GROUPS 16
#define MOST_NAMES 8192
#define MOST_CODES 16
#define LONGEST_MS 60000 /* a longer time counts as this one; the maximum stays exact */
#define ARENA_BYTES (4u << 20) /* the longest frame */

/* Times in milliseconds, counted. */
struct times {
    uint64_t count;
    uint64_t max_ms;
    uint32_t of_ms[LONGEST_MS + 1];
};

/* How often each code was seen: a close code, or an HTTP status. */
struct codes {
    unsigned size;
    unsigned code[MOST_CODES];
    unsigned count[MOST_CODES];
};

enum behaviour { READS, STALLS, TRICKLES, FLOODS };

/* Connections of one kind. The window figures begin anew with the command `reset`, the others never. */
struct group {
    char name[32];
    unsigned feeds; /* that one connection subscribes to */
    enum behaviour behaviour;
    char **requests; /* handshakes; the connections take them in turn */
    unsigned request_count;
    char *messages; /* what a connection sends after the handshake, as masked frames */
    size_t messages_size;

    unsigned begun, open, ready, deflating;
    unsigned waiting;      /* connections still to begin */
    double per_second;     /* and how fast */
    int64_t pace_from_ns;
    unsigned paced;

    unsigned gaps, repeated_snapshots, corrupt, violations, errors, failed, cuts;
    struct codes refusals, closes;
    char first_fault[256];

    /* window */
    uint64_t bytes, frames, changes;
    struct times handshakes, subscriptions, latencies;
};

enum phase { CONNECTING, SHAKING_HANDS, OPEN, CLOSED, ENDED };

/* The last position that a connection holds of a feed. */
struct position {
    int64_t seq;
    uint32_t epoch; /* 0: no snapshot yet */
};

struct connection {
    int fd;
    enum phase phase;
    bool deflates;
    bool wants_to_write;
    unsigned number; /* in its group */
    struct group *group;
    int64_t begun_ns;
    uint8_t *rest; /* the beginning of an incomplete frame */
    size_t rest_size;
    uint8_t *unsent;
    size_t unsent_size, unsent_from;
    struct position *positions;
    unsigned position_count;
    unsigned feeds_ready;
    uint64_t changes; /* in the window */
};

enum kind { SNAPSHOT, CHANGE, REFUSAL, OTHER };

/* What a message says. `fault` is the reason why it is not valid, or NULL. */
struct message {
    enum kind kind;
    const char *fault;
    uint32_t feed, epoch;
    int64_t seq, prev, market_time_ms; /* -1: absent */
    char text[168];                    /* of an error */
};

/* Fields of the top level of a message; a text is NULL and a number -1 if absent. */
struct fields {
    char type[32], feed[80], epoch[40], code[40], message[120];
    int64_t seq, prev, market_time_ms;
};

/* main.c */
int64_t now_ns(void);
void fatal(const char *what);

/* json.c: whether the text is one JSON object; its fields */
bool read_fields(const uint8_t *text, size_t size, struct fields *fields);

/* messages.c */
extern uint64_t distinct_messages;
const struct message *message_of(const uint8_t *body, size_t size, bool packed);
const char *feed_name(uint32_t feed);

/* websocket.c */
struct frame {
    unsigned opcode;
    bool packed;
    const uint8_t *body;
    size_t size, whole_size;
};
enum parsed { COMPLETE, INCOMPLETE, INVALID };
enum parsed parse_frame(const uint8_t *bytes, size_t size, struct frame *frame, const char **fault);
size_t masked_frame(uint8_t *to, unsigned opcode, const uint8_t *body, size_t size);
int handshake_status(const char *head);
const char *handshake_fault(const char *head, bool *deflates);

/* checks.c */
void check_message(struct connection *connection, const struct message *message, int64_t at_ns);
void note_fault(struct connection *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));
void count_code(struct codes *codes, unsigned code);
void add_time(struct times *times, int64_t ns);

/* connections.c */
extern uint16_t server_port;
extern struct connection **connections; /* ended ones included */
extern unsigned connection_count;
void open_epoll(void);
void watch_commands(void);
void watch_again(struct connection *connection);
void begin_connection(struct group *group);
void queue_bytes(struct connection *connection, const void *bytes, size_t size);
bool write_unsent(struct connection *connection);
void read_some(struct connection *connection, size_t most);
void handle_events(int timeout_ms, bool *command_waits);

/* crowds.c */
void behave(struct group *group, enum behaviour behaviour);
void trickle(void);
void flood(void);
void begin_window(struct group *group);
void range_of_changes(const struct group *group, uint64_t *least, uint64_t *most);

/* report.c */
void print_report(FILE *to, struct group *groups, unsigned group_count);
void print_text(FILE *to, const char *text);

#endif
