/* What the tests of the stores share: a store of each kind to run on, and events to put in. */
#pragma once

#include "persist/store.h"
#include "tests/lib/cmocka.h"

struct fixture {
    const char *kind;
    char dir[64];      /* SQLite: of the file */
    char database[64]; /* MongoDB: dropped at the end */
    struct store_place place;
    struct store *store;
    uint8_t bodies[1 << 20]; /* of the events made */
    size_t used;
};

/* cmocka set-ups: a new, empty store. MongoDB: that of PARLEY_TEST_MONGODB_URI; the test is skipped
 * without. */
int fixture_sqlite(void **state);
int fixture_mongodb(void **state);
int fixture_done(void **state);
void fixture_drop(struct fixture *self); /* the MongoDB database alone */

/* Called first in every test: skips it where there is no store. */
struct fixture *fixture_of(void **state);

/* Opens one more handle and closes it: what open returns, and in ret_why says ("": nothing). */
#define FIXTURE_WHY 400
int fixture_try_open(struct fixture *self, char ret_why[FIXTURE_WHY]);
/* Closes it and opens it again. */
void fixture_reopen(struct fixture *self);
struct store *fixture_open(struct fixture *self); /* one more handle; store->ops->close */

/* An id that says n. */
struct id fixture_id(unsigned n);

struct wire_event fixture_created(struct fixture *self, unsigned conversation, unsigned creator,
                                  unsigned others);
struct wire_event fixture_message(struct fixture *self, unsigned conversation, uint64_t seq,
                                  unsigned actor, const char *client_id, const char *text);
struct wire_event fixture_member(struct fixture *self, unsigned conversation, uint64_t seq,
                                 uint8_t kind, unsigned user, uint8_t role);
/* Appends it alone; its verdict. */
struct wire_verdict fixture_append(struct fixture *self, const struct wire_event *event);
/* Appends and checks that it was stored. */
void fixture_store(struct fixture *self, const struct wire_event *event);
/* The conversation with its creator 1 and members 2 … 1 + others. */
void fixture_conversation(struct fixture *self, unsigned conversation, unsigned others);

/* The same list of tests on every store. */
#define ON_BOTH(test)                                                \
    {"sqlite: " #test, test, fixture_sqlite, fixture_done, NULL},    \
    {                                                                \
        "mongodb: " #test, test, fixture_mongodb, fixture_done, NULL \
    }
