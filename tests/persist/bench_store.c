/* Rows per second into a SQLite store: bench_store PATH ROWS [CONVERSATIONS [BATCH [BYTES]]].
 * Prints the rate of every tenth of the rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "persist/store.h"

struct load {
    struct store *store;
    unsigned rows, conversations, batch;
    uint64_t *heads;
    struct wire_event events[STORE_APPEND_MAX];
    struct wire_verdict verdicts[STORE_APPEND_MAX];
    char client_ids[STORE_APPEND_MAX][40];
    struct buf body, created;
};

static struct id conversation_of(unsigned n)
{
    return id_of_client(&(struct id){{1}}, &n, sizeof n);
}

static void make_bodies(struct load *self, size_t bytes)
{
    AUTO(buf_done) struct buf members;
    char *text = NEW_ARRAY(bytes + 1, char);
    struct wire_body_message message;
    struct wire_body_created created = {.kind = WIRE_GROUP};
    struct wire_member member = {.user = {{1}}, .role = WIRE_ROLE_OWNER};
    uint32_t count = 0;

    memset(text, 'x', bytes);
    message = (struct wire_body_message){.text = wire_text(text)};
    buf_init(&members, 10000);
    buf_init(&self->body, bytes + 1000);
    buf_init(&self->created, 10000);
    wire_body_message_encode(&self->body, &message);
    wire_member_add(&members, &count, &member);
    created.members = wire_list_of(&members, count);
    wire_body_created_encode(&self->created, &created);
    free(text);
}

/* Client ids as our own clients make them: they grow with time. */
static void make_event(struct load *self, size_t i, unsigned conversation, unsigned n)
{
    struct wire_event *event = &self->events[i];
    uint64_t seq = ++self->heads[conversation];

    snprintf(self->client_ids[i], sizeof self->client_ids[i], "0190%08x-7000-8000-%08x%04x", n, n,
             n & 0xffff);
    *event = (struct wire_event){.conversation = conversation_of(conversation),
                                 .seq = seq,
                                 .kind = seq == 1 ? WIRE_KIND_CONVERSATION_CREATED
                                                  : WIRE_KIND_MESSAGE_CREATED,
                                 .actor = {{1}},
                                 .client_id = wire_text(self->client_ids[i]),
                                 .fingerprint = n,
                                 .at_ms = 1700000000000 + n,
                                 .body = wire_buf(seq == 1 ? &self->created : &self->body)};
}

static int append_batch(struct load *self, unsigned done)
{
    int rc;

    for (unsigned i = 0; i < self->batch; i++) {
        unsigned n = done + i;

        make_event(self, i,
                   n < self->conversations || self->conversations == 0
                       ? n
                       : (unsigned)random() % self->conversations,
                   n);
    }
    rc = self->store->ops->append(self->store, self->events, self->batch, self->verdicts);
    for (unsigned i = 0; i < self->batch && rc == 0; i++)
        if (self->verdicts[i].answer != WIRE_ANSWER_STORED)
            rc = -1;
    return rc;
}

static int run(struct load *self)
{
    unsigned tenth = self->rows / 10, next = tenth;
    uint64_t start_us = clock_monotonic_us();

    for (unsigned done = 0; done < self->rows; done += self->batch) {
        if (append_batch(self, done) < 0) {
            fprintf(stderr, "append: %s\n", self->store->why);
            return -1;
        }
        if (done + self->batch < next)
            continue;
        printf("%9u rows: %8.0f rows/s\n", done + self->batch,
               tenth * 1e6 / (double)(clock_monotonic_us() - start_us));
        start_us = clock_monotonic_us();
        next += tenth;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct load self = {.conversations = 5000, .batch = 128};
    struct store_place place = {.kind = "sqlite", .cache_mb = 16, .writer = true};
    AUTO(base_free_text) char *why = NULL;
    int rc;

    if (argc < 3) {
        fprintf(stderr, "bench_store PATH ROWS [CONVERSATIONS [BATCH [BYTES]]]\n");
        return EXIT_FAILURE;
    }
    place.path = argv[1];
    self.rows = (unsigned)strtoul(argv[2], NULL, 10);
    if (argc > 3)
        self.conversations = (unsigned)strtoul(argv[3], NULL, 10);
    if (argc > 4)
        self.batch = (unsigned)strtoul(argv[4], NULL, 10);
    if (self.batch == 0 || self.batch > STORE_APPEND_MAX || self.conversations == 0)
        return EXIT_FAILURE;
    make_bodies(&self, argc > 5 ? strtoul(argv[5], NULL, 10) : 200);
    self.heads = NEW_ARRAY(self.conversations, uint64_t);
    if (store_sqlite.open(&self.store, &place, &why) < 0) {
        fprintf(stderr, "%s\n", why);
        return EXIT_FAILURE;
    }
    rc = run(&self);
    self.store->ops->close(&self.store);
    free(self.heads);
    buf_done(&self.body);
    buf_done(&self.created);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
