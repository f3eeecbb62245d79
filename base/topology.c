/* Reads bus/workers and derives every endpoint: the one place that knows how they are spelled. */
#include "base/topology.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const channels[] = {"control", "requests", "intake", "streams", "wake"};

/* "7" or "0-31" at *at, which moves behind it. */
static int parse_range(const char **at, uint64_t *mask)
{
    char *end = NULL;
    unsigned long first = strtoul(*at, &end, 10), last = first;

    if (end == *at)
        return -EINVAL;
    if (*end == '-') {
        *at = end + 1;
        last = strtoul(*at, &end, 10);
        if (end == *at)
            return -EINVAL;
    }
    if (first > last || last >= ID_PARTITIONS)
        return -EINVAL;
    for (; first <= last; first++)
        *mask |= 1ull << first;
    *at = end;
    return 0;
}

int topology_parse_mask(const char *text, uint64_t *ret)
{
    uint64_t mask = 0;

    for (;;) {
        if (parse_range(&text, &mask) < 0)
            return -EINVAL;
        if (*text == '\0')
            break;
        if (*text++ != ',')
            return -EINVAL;
    }
    *ret = mask;
    return 0;
}

static int parse_worker(struct topology_worker *worker, char *word)
{
    char *colon = strchr(word, ':');

    if (colon)
        *colon = '\0';
    if (word[0] == '\0' || strlen(word) > TOPOLOGY_NAME_MAX)
        return -EINVAL;
    snprintf(worker->name, sizeof worker->name, "%s", word);
    worker->partitions = UINT64_MAX;
    return colon ? topology_parse_mask(colon + 1, &worker->partitions) : 0;
}

static int parse_workers(struct topology *self, char *text)
{
    uint64_t seen = 0;
    char *rest = NULL;

    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        struct topology_worker *worker = &self->workers[self->worker_count];

        if (self->worker_count == TOPOLOGY_WORKERS_MAX || parse_worker(worker, word) < 0 ||
            worker->partitions & seen)
            return -EINVAL;
        seen |= worker->partitions;
        for (unsigned p = 0; p < ID_PARTITIONS; p++)
            if (worker->partitions >> p & 1)
                self->worker_of[p] = (uint8_t)self->worker_count;
        self->worker_count++;
    }
    return seen == UINT64_MAX ? 0 : -EINVAL;
}

/* ---- hosts ---- */

/* "10.0.0.2:7000" or "[fd00::2]:7000", with room for a port per channel. */
static bool parse_host(const char *text, size_t len, int *ret_host_len, unsigned long *ret_port)
{
    const char *colon = memrchr(text, ':', len);
    char *end = NULL;

    if (!colon || colon == text || !(colon[1] >= '0' && colon[1] <= '9'))
        return false;
    *ret_host_len = (int)(colon - text);
    *ret_port = strtoul(colon + 1, &end, 10);
    return end == text + len && *ret_port > 0 && *ret_port + COUNT_OF(channels) <= 65536;
}

/* The next word of bus/hosts, from *at on: where it starts, *ret_len bytes; NULL: none left. */
static const char *next_word(const char **at, size_t *ret_len)
{
    const char *word = *at + strspn(*at, " \t");

    *ret_len = strcspn(word, " \t");
    *at = word + *ret_len;
    return *ret_len ? word : NULL;
}

static bool hosts_are_good(const char *text)
{
    const char *word;
    size_t len;

    while ((word = next_word(&text, &len))) {
        const char *equals = memchr(word, '=', len);
        unsigned long port;
        int host_len;

        if (!equals || equals == word || equals - word > TOPOLOGY_NAME_MAX ||
            !parse_host(equals + 1, len - (size_t)(equals + 1 - word), &host_len, &port))
            return false;
    }
    return true;
}

/* The endpoint of a daemon that bus/hosts names; NULL: it does not. */
static char *tcp_endpoint(const char *hosts, const char *name, enum topology_channel channel)
{
    size_t len, name_len = strlen(name);
    const char *word;

    while ((word = next_word(&hosts, &len))) {
        char *endpoint = NULL;
        unsigned long port = 0;
        int host_len = 0;

        if (len <= name_len || strncmp(word, name, name_len) != 0 || word[name_len] != '=' ||
            !parse_host(word + name_len + 1, len - name_len - 1, &host_len, &port))
            continue;
        if (asprintf(&endpoint, "tcp://%.*s:%lu#%s", host_len, word + name_len + 1,
                     port + (unsigned long)channel, name) < 0)
            abort();
        return endpoint;
    }
    return NULL;
}

int topology_load(struct topology *ret, struct conf *conf, char **ret_why)
{
    const char *text = conf_text(conf, "bus/workers");
    AUTO(base_free_text) char *copy = base_strdup(text);
    struct topology self = {0};

    if (parse_workers(&self, copy) < 0) {
        if (asprintf(ret_why,
                     "bus/workers must give each of the partitions 0-%d to exactly one worker "
                     "(\"persist\" or \"persist.1:0-31 persist.2:32-63\"), not \"%s\"",
                     ID_PARTITIONS - 1, text) < 0)
            abort();
        return -EINVAL;
    }
    if (!hosts_are_good(conf_text(conf, "bus/hosts"))) {
        *ret_why =
            base_strdup("bus/hosts must be like \"router=10.0.0.1:7000 edge.2=10.0.0.2:7000\"");
        return -EINVAL;
    }
    *ret = self;
    return 0;
}

int topology_find(const struct topology *self, const char *name)
{
    for (size_t i = 0; i < self->worker_count; i++)
        if (strcmp(self->workers[i].name, name) == 0)
            return (int)i;
    return -1;
}

uint64_t topology_partitions_of(const struct topology *self, const char *name)
{
    int i = topology_find(self, name);

    return i < 0 ? 0 : self->workers[i].partitions;
}

char *topology_endpoint(struct conf *conf, const char *name, enum topology_channel channel)
{
    char *endpoint = tcp_endpoint(conf_text(conf, "bus/hosts"), name, channel);

    if (endpoint)
        return endpoint;
    if (asprintf(&endpoint, "ipc://%s/%s-%s", conf_path(conf, "bus/dir"), name, channels[channel]) <
        0)
        abort();
    return endpoint;
}
