/* Stores in temporary directories and databases of their own. */
#include "tests/persist/fixture.h"

#include <dirent.h>
#include <mongoc/mongoc.h>
#include <unistd.h>

#include "persist/store.h"

static void new_fixture(void **state, const char *kind)
{
    struct fixture *self = NEW(struct fixture);

    self->kind = kind;
    self->place.kind = kind;
    self->place.writer = true;
    *state = self;
}

static void open_first(struct fixture *self)
{
    char *why = NULL;
    int rc = store_find(self->kind)->open(&self->store, &self->place, &why);

    if (rc < 0)
        fail_msg("open: %s (%d)", why ? why : "?", rc);
}

int fixture_try_open(struct fixture *self, char ret_why[FIXTURE_WHY])
{
    struct store *store = NULL;
    char *why = NULL;
    int rc = store_find(self->kind)->open(&store, &self->place, &why);

    snprintf(ret_why, FIXTURE_WHY, "%s", why ? why : "");
    free(why);
    if (store)
        store->ops->close(&store);
    return rc;
}

int fixture_sqlite(void **state)
{
    struct fixture *self;
    char *path = NEW_ARRAY(100, char);

    new_fixture(state, "sqlite");
    self = *state;
    strcpy(self->dir, "/tmp/parley-store-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    snprintf(path, 100, "%s/parley.db", self->dir);
    self->place.path = path;
    open_first(self);
    return 0;
}

int fixture_mongodb(void **state)
{
    struct fixture *self;
    struct id random = id_random();
    char text[ID_TEXT];

    new_fixture(state, "mongodb");
    self = *state;
    self->place.uri = getenv("PARLEY_TEST_MONGODB_URI");
    if (!self->place.uri || !self->place.uri[0]) {
        self->place.uri = NULL;
        return 0; /* the test itself skips */
    }
    id_to_text(&random, text);
    snprintf(self->database, sizeof self->database, "parley_test_%s", text);
    self->place.database = self->database;
    open_first(self);
    return 0;
}

struct fixture *fixture_of(void **state)
{
    struct fixture *self = *state;

    if (strcmp(self->kind, "mongodb") == 0 && !self->place.uri) {
        print_message("skipped: PARLEY_TEST_MONGODB_URI names no MongoDB server "
                      "(tests/lib/mongodb start DIR)\n");
        skip();
    }
    return self;
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char name[400];

    while (dir && (entry = readdir(dir))) {
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        unlink(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

void fixture_drop(struct fixture *self)
{
    mongoc_client_t *client = mongoc_client_new(getenv("PARLEY_TEST_MONGODB_URI"));
    mongoc_database_t *database = mongoc_client_get_database(client, self->database);

    mongoc_database_drop(database, NULL);
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
}

int fixture_done(void **state)
{
    struct fixture *self = *state;

    if (self->store)
        self->store->ops->close(&self->store);
    if (self->database[0])
        fixture_drop(self);
    if (self->dir[0]) {
        remove_dir(self->dir);
        free((void *)(uintptr_t)self->place.path);
    }
    free(self);
    return 0;
}

struct store *fixture_open(struct fixture *self)
{
    struct store *store = NULL;
    char *why = NULL;
    int rc = store_find(self->kind)->open(&store, &self->place, &why);

    if (rc < 0)
        fail_msg("open: %s (%d)", why ? why : "?", rc);
    return store;
}

void fixture_reopen(struct fixture *self)
{
    self->store->ops->close(&self->store);
    self->store = fixture_open(self);
}

/* ---- events ---- */

struct id fixture_id(unsigned n)
{
    struct id id = {.bytes = {(uint8_t)(n >> 8), (uint8_t)n, [15] = 1}};

    return id;
}

static struct wire_bytes keep(struct fixture *self, const void *data, size_t len)
{
    uint8_t *to = self->bodies + self->used;

    if (self->used + len > sizeof self->bodies) {
        self->used = 0;
        to = self->bodies;
    }
    if (len)
        memcpy(to, data, len);
    self->used += len;
    return wire_bytes_of(to, len);
}

static struct wire_event event_of(struct fixture *self, unsigned conversation, uint64_t seq,
                                  uint8_t kind, unsigned actor, const char *client_id)
{
    return (struct wire_event){
        .conversation = fixture_id(conversation),
        .seq = seq,
        .kind = kind,
        .actor = fixture_id(actor),
        .client_id = keep(self, client_id, strlen(client_id)),
        .at_ms = 1700000000000 + seq,
    };
}

static void put_body(struct fixture *self, struct wire_event *event, struct buf *body)
{
    event->body = keep(self, body->data, body->len);
    event->fingerprint = id_fingerprint(event->kind, event->body.data, event->body.len);
    buf_done(body);
}

struct wire_event fixture_created(struct fixture *self, unsigned conversation, unsigned creator,
                                  unsigned others)
{
    struct wire_event event =
        event_of(self, conversation, 1, WIRE_KIND_CONVERSATION_CREATED, creator, "created");
    struct buf members, body;
    struct wire_body_created created = {.kind = WIRE_GROUP,
                                        .title = wire_text("Ærøskøbing 🙂")};
    uint32_t count = 0;

    buf_init(&members, 1 << 20);
    buf_init(&body, 1 << 20);
    for (unsigned i = 0; i <= others; i++) {
        struct wire_member member = {.user = fixture_id(creator + i),
                                     .role = i ? WIRE_ROLE_MEMBER : WIRE_ROLE_OWNER};

        wire_member_add(&members, &count, &member);
    }
    created.members = wire_list_of(&members, count);
    wire_body_created_encode(&body, &created);
    put_body(self, &event, &body);
    buf_done(&members);
    return event;
}

struct wire_event fixture_message(struct fixture *self, unsigned conversation, uint64_t seq,
                                  unsigned actor, const char *client_id, const char *text)
{
    struct wire_event event =
        event_of(self, conversation, seq, WIRE_KIND_MESSAGE_CREATED, actor, client_id);
    struct wire_body_message message = {.text = wire_text(text)};
    struct buf body;

    buf_init(&body, 1 << 20);
    wire_body_message_encode(&body, &message);
    put_body(self, &event, &body);
    return event;
}

struct wire_event fixture_member(struct fixture *self, unsigned conversation, uint64_t seq,
                                 uint8_t kind, unsigned user, uint8_t role)
{
    char client_id[40];
    struct wire_body_member member = {fixture_id(user), role};
    struct wire_event event;
    struct buf body;

    snprintf(client_id, sizeof client_id, "member %llu", (unsigned long long)seq);
    event = event_of(self, conversation, seq, kind, 1, client_id);
    buf_init(&body, 1 << 20);
    wire_body_member_encode(&body, &member);
    put_body(self, &event, &body);
    return event;
}

struct wire_verdict fixture_append(struct fixture *self, const struct wire_event *event)
{
    struct wire_verdict verdict = {0};
    int rc = self->store->ops->append(self->store, event, 1, &verdict);

    if (rc < 0)
        fail_msg("append: %s (%d)", self->store->why, rc);
    return verdict;
}

void fixture_store(struct fixture *self, const struct wire_event *event)
{
    assert_int_equal(fixture_append(self, event).answer, WIRE_ANSWER_STORED);
}

void fixture_conversation(struct fixture *self, unsigned conversation, unsigned others)
{
    struct wire_event event = fixture_created(self, conversation, 1, others);

    fixture_store(self, &event);
}
