/* Usage: load_client PORT
 *
 * Commands come on the standard input, one a line; each is answered with one line of JSON:
 *
 *   group NAME FEEDS REQUESTS MESSAGES   connections that send a request of the file REQUESTS (each ends with an
 *                                        empty line), then each line of the file MESSAGES; they are ready when
 *                                        they have snapshots of FEEDS feeds
 *   connect NAME COUNT PER_SECOND        begin so many more connections at this rate
 *   behave NAME read|stall|trickle|flood
 *   reset                                begin a new window of measurement
 *   report
 *
 * The end of the input ends the program.
 */
#include "load_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000LL
#define PACE_MS 5
#define TRICKLE_NS NS_PER_SECOND
#define FLOOD_NS (NS_PER_SECOND / 10)
#define MOST_AT_ONCE 100
#define LONGEST_LINE 4096

static struct group groups[MOST_GROUPS];
static unsigned group_count;

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

void fatal(const char *what)
{
    fprintf(stderr, "load_client: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static char *contents(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        fatal(path);
    long size = ftell(file);
    char *text = malloc((size_t)size + 1);
    rewind(file);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
        fatal(path);
    text[size] = 0;
    fclose(file);
    return text;
}

static struct group *group_named(const char *name)
{
    for (unsigned i = 0; i < group_count; i++)
        if (!strcmp(groups[i].name, name))
            return &groups[i];
    return NULL;
}

static void read_requests(struct group *group, char *text)
{
    for (char *end; (end = strstr(text, "\r\n\r\n")); text = end + 4) {
        char **grown = realloc(group->requests, (group->request_count + 1) * sizeof *grown);
        if (!grown)
            fatal("no memory for requests");
        group->requests = grown;
        group->requests[group->request_count] = strndup(text, (size_t)(end + 4 - text));
        group->request_count++;
    }
}

static void read_messages(struct group *group, char *text)
{
    group->messages = malloc(2 * strlen(text) + 16);
    if (!group->messages)
        fatal("no memory for messages");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        uint8_t *to = (uint8_t *)group->messages + group->messages_size;
        group->messages_size += masked_frame(to, 1, (const uint8_t *)line, strlen(line));
    }
}

/* Each command returns why it is refused, or NULL. */

static const char *add_group(char *arguments)
{
    char name[32], requests[1024], messages[1024];
    unsigned feeds;
    if (sscanf(arguments, "%31s %u %1023s %1023s", name, &feeds, requests, messages) != 4)
        return "accepted: group NAME FEEDS REQUESTS MESSAGES";
    if (group_count == MOST_GROUPS || group_named(name))
        return "a second group of this name, or too many groups";
    struct group *group = &groups[group_count];
    memcpy(group->name, name, sizeof name);
    group->feeds = feeds;
    char *text = contents(requests);
    read_requests(group, text);
    free(text);
    if (!group->request_count)
        return "no request in the file: each ends with an empty line";
    text = contents(messages);
    read_messages(group, text);
    free(text);
    group_count++;
    return NULL;
}

static const char *begin(char *arguments)
{
    char name[32];
    unsigned count;
    double per_second;
    if (sscanf(arguments, "%31s %u %lf", name, &count, &per_second) != 3 || per_second <= 0)
        return "accepted: connect NAME COUNT PER_SECOND";
    struct group *group = group_named(name);
    if (!group)
        return "no such group";
    group->waiting += count;
    group->per_second = per_second;
    group->pace_from_ns = now_ns();
    group->paced = 0;
    return NULL;
}

static const char *change_behaviour(char *arguments)
{
    static const char *const words[] = {"read", "stall", "trickle", "flood"};
    char name[32], word[16];
    if (sscanf(arguments, "%31s %15s", name, word) != 2)
        return "accepted: behave NAME read|stall|trickle|flood";
    struct group *group = group_named(name);
    if (!group)
        return "no such group";
    for (unsigned i = 0; i < 4; i++)
        if (!strcmp(word, words[i])) {
            behave(group, (enum behaviour)i);
            return NULL;
        }
    return "accepted: read, stall, trickle, flood";
}

static void obey(char *line)
{
    char *arguments = line + strcspn(line, " ");
    const char *refused = NULL;
    if (*arguments)
        *arguments++ = 0;
    if (!strcmp(line, "report")) {
        print_report(stdout, groups, group_count);
        fflush(stdout);
        return;
    }
    if (!strcmp(line, "group"))
        refused = add_group(arguments);
    else if (!strcmp(line, "connect"))
        refused = begin(arguments);
    else if (!strcmp(line, "behave"))
        refused = change_behaviour(arguments);
    else if (!strcmp(line, "reset"))
        for (unsigned i = 0; i < group_count; i++)
            begin_window(&groups[i]);
    else
        refused = "accepted: group, connect, behave, reset, report";
    fputs("{\"refused\":", stdout);
    if (refused)
        print_text(stdout, refused);
    else
        fputs("null", stdout);
    puts("}");
    fflush(stdout);
}

/* Read what is there of the input, and obey the whole lines. Returns false at its end. */
static bool read_commands(void)
{
    static char line[LONGEST_LINE];
    static size_t size;
    ssize_t got = read(STDIN_FILENO, line + size, sizeof line - size - 1);
    if (got <= 0)
        return false;
    size += (size_t)got;
    for (char *end; (end = memchr(line, '\n', size));) {
        *end = 0;
        obey(line);
        size -= (size_t)(end + 1 - line);
        memmove(line, end + 1, size);
    }
    if (size == sizeof line - 1)
        fatal("a command is too long");
    return true;
}

static bool begin_due(struct group *group)
{
    if (!group->waiting)
        return false;
    double due = (double)(now_ns() - group->pace_from_ns) / NS_PER_SECOND * group->per_second;
    for (unsigned begun = 0; group->waiting && group->paced < due && begun < MOST_AT_ONCE; begun++) {
        begin_connection(group);
        group->waiting--;
        group->paced++;
    }
    return group->waiting > 0;
}

static bool is_due(int64_t *last_ns, int64_t interval_ns)
{
    int64_t now = now_ns();
    if (now - *last_ns < interval_ns)
        return false;
    *last_ns = now;
    return true;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        fatal("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        fatal("setrlimit");
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 2) {
        fputs("usage: load_client PORT\n", stderr);
        return 2;
    }
    server_port = (uint16_t)atoi(arguments[1]);
    raise_descriptor_limit();
    open_epoll();
    watch_commands();
    int64_t trickled_ns = 0, flooded_ns = 0;
    for (;;) {
        bool command_waits = false, paces = false;
        for (unsigned i = 0; i < group_count; i++)
            paces |= begin_due(&groups[i]);
        handle_events(paces ? PACE_MS : 20, &command_waits);
        if (command_waits && !read_commands())
            return 0;
        if (is_due(&trickled_ns, TRICKLE_NS))
            trickle();
        if (is_due(&flooded_ns, FLOOD_NS))
            flood();
    }
}
