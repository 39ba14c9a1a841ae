/* The life of a connection: connect, handshake, subscribe, read frames, end. */
#include "load_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (256u << 10)
#define LONGEST_HEAD 16384
#define EVENTS 1024
#define SOURCE_ADDRESSES 4 /* 127.0.0.2 to .5: each has its own ports */
#define CLOSE 8
#define PING 9
#define PONG 10

uint16_t server_port;
static int epoll;
static uint8_t arena[ARENA_BYTES];
struct connection **connections;
unsigned connection_count;
static unsigned connection_room;

void open_epoll(void)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        fatal("epoll");
}

void watch_commands(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event))
        fatal("the standard input is no pipe");
}

static void watch(struct connection *connection, int operation)
{
    enum behaviour behaviour = connection->group->behaviour;
    bool reads = connection->phase < OPEN || behaviour == READS || behaviour == FLOODS;
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = connection};
    event.events |= reads ? EPOLLIN : 0;
    event.events |= connection->wants_to_write ? EPOLLOUT : 0;
    if (epoll_ctl(epoll, operation, connection->fd, &event))
        fatal("epoll_ctl");
}

void watch_again(struct connection *connection)
{
    watch(connection, EPOLL_CTL_MOD);
}

static void end(struct connection *connection)
{
    struct group *group = connection->group;
    if (connection->phase == OPEN || connection->phase == CLOSED) {
        group->open--;
        group->deflating -= connection->deflates;
        group->ready -= connection->feeds_ready >= group->feeds && group->feeds;
    }
    connection->phase = ENDED;
    close(connection->fd);
    free(connection->rest);
    free(connection->unsent);
    free(connection->positions);
    connection->rest = connection->unsent = NULL;
    connection->positions = NULL;
}

/* The connection ended without a close frame. */
static void lose(struct connection *connection, const char *what)
{
    struct group *group = connection->group;
    if (connection->phase == OPEN) {
        group->cuts++;
        note_fault(connection, "the connection ended without a close frame: %s", what);
    } else if (connection->phase != CLOSED) {
        group->failed++;
        note_fault(connection, "no handshake: %s", what);
    }
    end(connection);
}

static void violate(struct connection *connection, const char *fault)
{
    connection->group->violations++;
    note_fault(connection, "%s", fault);
    connection->phase = connection->phase == OPEN ? CLOSED : connection->phase;
    end(connection);
}

bool write_unsent(struct connection *connection)
{
    while (connection->unsent_from < connection->unsent_size) {
        ssize_t sent = send(connection->fd, connection->unsent + connection->unsent_from,
                            connection->unsent_size - connection->unsent_from, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (sent < 0) {
            lose(connection, strerror(errno));
            return false;
        }
        connection->unsent_from += (size_t)sent;
    }
    bool waits = connection->unsent_from < connection->unsent_size;
    if (!waits)
        connection->unsent_size = connection->unsent_from = 0;
    if (waits != connection->wants_to_write) {
        connection->wants_to_write = waits;
        watch_again(connection);
    }
    return true;
}

void queue_bytes(struct connection *connection, const void *bytes, size_t size)
{
    uint8_t *grown = realloc(connection->unsent, connection->unsent_size + size + 1); /* never of no bytes */
    if (!grown)
        fatal("no memory to send");
    memcpy(grown + connection->unsent_size, bytes, size);
    connection->unsent = grown;
    connection->unsent_size += size;
}

void begin_connection(struct group *group)
{
    static unsigned source;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection_count == connection_room) {
        connection_room = 2 * connection_room + 1024;
        connections = realloc(connections, connection_room * sizeof(struct connection *));
    }
    if (!connection || !connections)
        fatal("no memory for connections");
    connections[connection_count++] = connection;
    connection->group = group;
    connection->number = group->begun++;
    connection->begun_ns = now_ns();
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        fatal("no descriptor for a connection");
    int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(server_port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + source++ % SOURCE_ADDRESSES);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(connection->fd, (struct sockaddr *)&from, sizeof from))
        fatal("bind to an address of 127.0.0.0/8");
    const char *request = group->requests[connection->number % group->request_count];
    queue_bytes(connection, request, strlen(request));
    connection->wants_to_write = true;
    if (connect(connection->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        lose(connection, strerror(errno));
    else
        watch(connection, EPOLL_CTL_ADD);
}

/* The answer to the handshake, as far as it is there. Returns how many bytes it has, or 0. */
static size_t take_answer(struct connection *connection, size_t size)
{
    struct group *group = connection->group;
    uint8_t *end_of_head = memmem(arena, size, "\r\n\r\n", 4);
    if (!end_of_head) {
        if (size > LONGEST_HEAD)
            lose(connection, "an answer without an end");
        return 0;
    }
    end_of_head[2] = 0;
    int status = handshake_status((char *)arena);
    if (status != 101) {
        count_code(&group->refusals, (unsigned)status);
        note_fault(connection, "the handshake was refused with status %d", status);
        end(connection);
        return 0;
    }
    const char *fault = handshake_fault((char *)arena, &connection->deflates);
    if (fault) {
        violate(connection, fault);
        return 0;
    }
    add_time(&group->handshakes, now_ns() - connection->begun_ns);
    connection->phase = OPEN;
    group->open++;
    group->deflating += connection->deflates;
    queue_bytes(connection, group->messages, group->messages_size);
    watch_again(connection);
    return write_unsent(connection) ? (size_t)(end_of_head + 4 - arena) : 0;
}

static bool take_control_frame(struct connection *connection, const struct frame *frame)
{
    uint8_t answer[140];
    if (frame->opcode == PONG)
        return true;
    if (frame->opcode == CLOSE) {
        unsigned code = frame->size < 2 ? 1005 : (unsigned)(frame->body[0] << 8 | frame->body[1]);
        count_code(&connection->group->closes, code);
        note_fault(connection, "the server closed with %u", code);
        connection->phase = CLOSED;
    }
    size_t size = masked_frame(answer, frame->opcode == PING ? PONG : CLOSE, frame->body, frame->size);
    queue_bytes(connection, answer, size);
    return write_unsent(connection);
}

/* Take the whole frames of the arena. Returns how many bytes they have; the connection may have ended. */
static size_t take_frames(struct connection *connection, size_t from, size_t size, int64_t at_ns)
{
    struct frame frame;
    const char *fault;
    while (connection->phase == OPEN) {
        enum parsed parsed = parse_frame(arena + from, size - from, &frame, &fault);
        if (parsed == INVALID || (parsed == COMPLETE && frame.packed && !connection->deflates)) {
            violate(connection, parsed == INVALID ? fault : "a packed frame without permessage-deflate");
            break;
        }
        if (parsed == INCOMPLETE)
            break;
        from += frame.whole_size;
        if (frame.opcode > 2) {
            if (!take_control_frame(connection, &frame))
                break;
            continue;
        }
        connection->group->frames++;
        check_message(connection, message_of(frame.body, frame.size, frame.packed), at_ns);
    }
    return connection->phase == CLOSED ? size : from;
}

void read_some(struct connection *connection, size_t most)
{
    struct timespec wall;
    size_t size = connection->rest_size, taken = 0;
    if (size)
        memcpy(arena, connection->rest, size);
    if (most > ARENA_BYTES - size)
        most = ARENA_BYTES - size;
    ssize_t got = recv(connection->fd, arena + size, most, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lose(connection, got ? strerror(errno) : "end of stream");
        return;
    }
    clock_gettime(CLOCK_REALTIME, &wall);
    size += (size_t)got;
    if (connection->phase < OPEN) {
        taken = take_answer(connection, size);
        got = connection->phase == OPEN ? (ssize_t)(size - taken) : 0;
    }
    connection->group->bytes += (uint64_t)got;
    if (connection->phase == OPEN || connection->phase == CLOSED)
        taken = take_frames(connection, taken, size, wall.tv_sec * 1000000000LL + wall.tv_nsec);
    if (connection->phase == ENDED)
        return;
    connection->rest_size = size - taken;
    if (!connection->rest_size) {
        free(connection->rest);
        connection->rest = NULL;
        return;
    }
    connection->rest = realloc(connection->rest, connection->rest_size);
    if (!connection->rest)
        fatal("no memory for a frame");
    memcpy(connection->rest, arena + taken, connection->rest_size);
}

static void handle_event(struct connection *connection, uint32_t events)
{
    if (connection->phase == CONNECTING)
        connection->phase = SHAKING_HANDS;
    if (events & EPOLLOUT && !write_unsent(connection))
        return;
    if (events & EPOLLIN)
        read_some(connection, READ_BYTES);
    else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        lose(connection, "cut off by the server");
}

void handle_events(int timeout_ms, bool *command_waits)
{
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, timeout_ms);
    if (count < 0 && errno != EINTR)
        fatal("epoll_wait");
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr)
            handle_event(events[i].data.ptr, events[i].events);
        else
            *command_waits = true;
}
