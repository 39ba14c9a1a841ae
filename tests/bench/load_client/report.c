/* The figures of all groups, as one line of JSON. */
#include "load_client.h"

#include <sys/resource.h>

void print_text(FILE *to, const char *text)
{
    putc('"', to);
    for (; *text; text++)
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            fprintf(to, "\\u%04x", (unsigned char)*text);
        else
            putc(*text, to);
    putc('"', to);
}

/* The least time that `share` of all times do not exceed. */
static uint64_t quantile(const struct times *times, double share)
{
    uint64_t wanted = (uint64_t)((double)times->count * share), seen = 0;
    for (unsigned ms = 0; ms < LONGEST_MS; ms++) {
        seen += times->of_ms[ms];
        if (seen && seen >= wanted)
            return ms;
    }
    return times->max_ms;
}

static void print_times(FILE *to, const char *name, const struct times *times)
{
    fprintf(to, ",\"%s\":{\"count\":%llu,\"p50_ms\":%llu,\"p99_ms\":%llu,\"max_ms\":%llu}", name,
            (unsigned long long)times->count, (unsigned long long)quantile(times, 0.5),
            (unsigned long long)quantile(times, 0.99), (unsigned long long)times->max_ms);
}

static void print_codes(FILE *to, const char *name, const struct codes *codes)
{
    fprintf(to, ",\"%s\":{", name);
    for (unsigned i = 0; i < codes->size; i++)
        fprintf(to, "%s\"%u\":%u", i ? "," : "", codes->code[i], codes->count[i]);
    putc('}', to);
}

static void print_group(FILE *to, const struct group *group)
{
    uint64_t least, most;
    range_of_changes(group, &least, &most);
    print_text(to, group->name);
    fprintf(to,
            ":{\"feeds\":%u,\"begun\":%u,\"waiting\":%u,\"open\":%u,\"ready\":%u,\"deflating\":%u,\"gaps\":%u,"
            "\"repeated_snapshots\":%u,\"corrupt\":%u,\"violations\":%u,\"errors\":%u,\"failed\":%u,\"cuts\":%u,"
            "\"bytes\":%llu,\"frames\":%llu,\"changes\":%llu,\"least_changes\":%llu,\"most_changes\":%llu",
            group->feeds, group->begun, group->waiting, group->open, group->ready, group->deflating, group->gaps,
            group->repeated_snapshots, group->corrupt, group->violations, group->errors, group->failed,
            group->cuts, (unsigned long long)group->bytes, (unsigned long long)group->frames,
            (unsigned long long)group->changes, (unsigned long long)least, (unsigned long long)most);
    print_codes(to, "refusals", &group->refusals);
    print_codes(to, "closes", &group->closes);
    print_times(to, "handshakes", &group->handshakes);
    print_times(to, "subscriptions", &group->subscriptions);
    print_times(to, "latencies", &group->latencies);
    fputs(",\"first_fault\":", to);
    print_text(to, group->first_fault);
    putc('}', to);
}

void print_report(FILE *to, struct group *groups, unsigned group_count)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    fprintf(to, "{\"cpu_seconds\":%.3f,\"distinct_messages\":%llu,\"groups\":{", cpu,
            (unsigned long long)distinct_messages);
    for (unsigned i = 0; i < group_count; i++) {
        if (i)
            putc(',', to);
        print_group(to, &groups[i]);
    }
    fputs("}}\n", to);
}
