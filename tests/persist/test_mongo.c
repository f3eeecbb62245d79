/* What is MongoDB's own: concerns, lost answers, unfinished projections, a server that dies. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "persist/query.h"
#include "persist/store_mongo.h"
#include "tests/persist/cut_proxy.h"
#include "tests/persist/fixture.h"

/* Runs a command on one of the fixture's collections; how many documents it matched. */
static void change(struct fixture *self, enum mongo_collection collection, const char *filter,
                   const char *update)
{
    struct store_mongo *mongo = mongo_of(self->store);
    bson_t *what = bson_new_from_json((const uint8_t *)filter, -1, NULL);
    bson_t *how = update ? bson_new_from_json((const uint8_t *)update, -1, NULL) : NULL;
    bson_error_t error;
    bool good = update ? mongoc_collection_update_many(mongo->collections[collection], what, how,
                                                       NULL, NULL, &error)
                       : mongoc_collection_delete_many(mongo->collections[collection], what, NULL,
                                                       NULL, &error);

    if (!good)
        fail_msg("%s", error.message);
    bson_destroy(what);
    bson_destroy(how);
}

/* ---- opening ---- */

static void a_newer_schema_is_refused_with_a_clear_sentence(void **state)
{
    struct fixture *self = fixture_of(state);
    char why[FIXTURE_WHY];

    change(self, MONGO_META, "{\"_id\":\"schema\"}", "{\"$set\":{\"version\":99}}");
    assert_int_equal(fixture_try_open(self, why), -EPROTONOSUPPORT);
    assert_non_null(strstr(why, "schema 99"));
    assert_non_null(strstr(why, "start the newer program"));
}

static void a_server_that_is_away_is_said_to_be(void **state)
{
    struct fixture *self = fixture_of(state);
    const char *uri = self->place.uri;
    char why[FIXTURE_WHY];

    self->place.uri = "mongodb://127.0.0.1:1/";
    assert_int_equal(fixture_try_open(self, why), -EAGAIN);
    assert_non_null(strstr(why, "cannot be reached"));
    self->place.uri = "http://127.0.0.1";
    assert_int_equal(fixture_try_open(self, why), -EINVAL);
    assert_non_null(strstr(why, "store/uri"));
    self->place.uri = uri;
}

static void a_reader_waits_for_the_writer_to_make_the_database(void **state)
{
    struct fixture *self = fixture_of(state);
    char why[FIXTURE_WHY];

    change(self, MONGO_META, "{}", NULL);
    self->place.writer = false;
    assert_int_equal(fixture_try_open(self, why), -EAGAIN);
}

/* What a secondary says may be old, and heads, fences and sessions are decided by it. */
static void everything_is_read_from_the_primary_whatever_the_uri_says(void **state)
{
    struct fixture *self = fixture_of(state);
    const char *uri = self->place.uri;
    char other[500];
    struct store *store;

    snprintf(other, sizeof other, "%s%sreadPreference=secondaryPreferred", uri,
             strchr(uri, '?') ? "&" : "?");
    self->place.uri = other;
    store = fixture_open(self);
    for (size_t i = 0; i < MONGO_COLLECTIONS; i++)
        assert_int_equal(mongoc_read_prefs_get_mode(
                             mongoc_collection_get_read_prefs(mongo_of(store)->collections[i])),
                         MONGOC_READ_PRIMARY);
    store->ops->close(&store);
    self->place.uri = uri;
}

/* ---- what is remembered of heads ---- */

static void a_table_of_heads_that_fills_up_within_a_batch_forgets_no_number(void **state)
{
    struct fixture *self = fixture_of(state);
    struct states *states = mongo_of(self->store)->states;
    struct wire_event events[3];
    struct wire_verdict verdicts[3];

    fixture_conversation(self, 1, 1);
    fixture_conversation(self, 2, 1);
    states_clear(states);
    for (uint64_t i = 0; i < 65535; i++) { /* all but one place */
        struct state other = {0};

        memcpy(other.conversation.bytes + 8, &i, sizeof i);
        states_put(states, &other);
    }
    events[0] = fixture_message(self, 1, 2, 1, "a", "one");
    events[1] = fixture_message(self, 2, 2, 1, "b", "two");
    events[2] = fixture_message(self, 1, 3, 1, "c", "three");
    assert_int_equal(self->store->ops->append(self->store, events, 3, verdicts), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(verdicts[i].answer, WIRE_ANSWER_STORED);
}

/* ---- concerns ---- */

static void write_everything(struct fixture *self)
{
    struct store *store = self->store;
    const struct store_ops *ops = store->ops;
    struct wire_event message = fixture_message(self, 1, 2, 1, "a", "text");
    struct wire_event again = fixture_message(self, 1, 3, 1, "a", "text");
    struct wire_event join = fixture_member(self, 1, 4, WIRE_KIND_MEMBER_ADDED, 9, 1);
    struct wire_event role = fixture_member(self, 1, 5, WIRE_KIND_MEMBER_UPDATED, 9, 2);
    struct wire_event leave = fixture_member(self, 1, 6, WIRE_KIND_MEMBER_REMOVED, 9, 0);
    struct wire_holding holding = {1, 4, WIRE_ROUTER, wire_text("router")};
    struct wire_user user = {.id = fixture_id(1), .username = wire_text("anna")};
    struct wire_session session = {.id = fixture_id(2), .user = fixture_id(1), .created_ms = 1};
    struct store_spent spent = {fixture_id(2), wire_text("1"), wire_text("2"), wire_text("3"), 9};
    struct wire_job_settle settle = {fixture_id(1), 2, WIRE_JOB_WEBHOOK, WIRE_JOB_RETRY, 5};
    const char *taken;

    message.jobs = WIRE_JOB_WEBHOOK;
    fixture_conversation(self, 1, 1);
    fixture_store(self, &message);
    assert_int_equal(fixture_append(self, &again).answer, WIRE_ANSWER_DUPLICATE_OF);
    fixture_store(self, &join);
    fixture_store(self, &role);
    fixture_store(self, &leave);
    assert_int_equal(store_claim(store, &holding), 0);
    assert_int_equal(ops->user_add(store, &user, &taken), 0);
    assert_int_equal(ops->user_update(store, &user.id, wire_text("Anna")), 0);
    assert_int_equal(ops->session_add(store, &session, wire_text("1")), 0);
    assert_int_equal(ops->hash_spend(store, &spent, NULL, NULL), 0);
    assert_int_equal(ops->session_revoke(store, &user.id, &session.id, 5), 0);
    assert_int_equal(ops->job_settle(store, &settle, 1), 0);
}

static void every_write_asks_for_majority_and_journal(void **state)
{
    struct fixture *self = fixture_of(state);

    write_everything(self);
    assert_true(self->store->writes >= 20);
    assert_int_equal(self->store->unsafe_writes, 0);
}

static void a_write_that_asks_for_less_would_be_counted(void **state)
{
    struct fixture *self = fixture_of(state);
    struct store_mongo *mongo = mongo_of(self->store);
    mongoc_write_concern_t *weak = mongoc_write_concern_new();
    bson_t *doc = BCON_NEW("_id", "weak");
    bson_error_t error;

    mongoc_write_concern_set_w(weak, 1);
    mongoc_collection_set_write_concern(mongo->collections[MONGO_META], weak);
    if (!mongoc_collection_insert_one(mongo->collections[MONGO_META], doc, NULL, NULL, &error))
        fail_msg("%s", error.message);
    assert_int_equal(self->store->unsafe_writes, 1);
    mongoc_write_concern_destroy(weak);
    bson_destroy(doc);
}

/* ---- members that were not written yet ---- */

static bool count_member(void *arg, const struct wire_member *member)
{
    (void)member;
    (*(unsigned *)arg)++;
    return true;
}

static unsigned members_of(struct fixture *self, unsigned conversation)
{
    struct id id = fixture_id(conversation), first = {0};
    unsigned count = 0;

    assert_int_equal(self->store->ops->members(self->store, &id, &first, 99, count_member, &count),
                     0);
    return count;
}

static void what_a_writer_left_undone_the_next_one_does(void **state)
{
    struct fixture *self = fixture_of(state);

    fixture_conversation(self, 1, 4);
    change(self, MONGO_MEMBERS, "{}", NULL);
    change(self, MONGO_CONVERSATIONS, "{}", NULL);
    change(self, MONGO_EVENTS, "{\"kind\":2}", "{\"$set\":{\"project\":1}}");
    assert_int_equal(members_of(self, 1), 0);
    fixture_reopen(self);
    assert_int_equal(members_of(self, 1), 5);
    fixture_reopen(self);
    assert_int_equal(members_of(self, 1), 5);
}

static void a_batch_sent_again_does_what_was_left_undone(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event created = fixture_created(self, 1, 1, 4);

    fixture_store(self, &created);
    change(self, MONGO_MEMBERS, "{}", NULL);
    assert_int_equal(fixture_append(self, &created).answer, WIRE_ANSWER_SAME);
    assert_int_equal(members_of(self, 1), 5);
}

static bool next_member(struct wire_list *members, uint8_t *ret_role)
{
    struct wire_bytes item;
    struct wire_member member;

    if (!wire_list_next(members, &item) || wire_member_decode(item, &member) < 0)
        return false;
    *ret_role = member.role;
    return true;
}

/* Its answer was lost, it was stored later, and who had sent it never asked again. */
static void a_load_sees_the_members_of_an_append_that_came_late(void **state)
{
    struct fixture *self = fixture_of(state);
    struct wire_event added = fixture_member(self, 1, 2, WIRE_KIND_MEMBER_ADDED, 9, 0);
    AUTO(buf_done) struct buf users, out;
    struct wire_load ask = {.conversation = fixture_id(1)};
    struct wire_item item = {.id = fixture_id(9)};
    struct wire_loaded loaded;
    uint32_t count = 0;
    uint8_t role = 0;

    buf_init(&users, 1000);
    buf_init(&out, 100000);
    fixture_conversation(self, 1, 1);
    fixture_store(self, &added);
    change(self, MONGO_MEMBERS, "{\"from\":2}", NULL);
    change(self, MONGO_EVENTS, "{\"s\":2}", "{\"$set\":{\"project\":1}}");
    wire_item_add(&users, &count, &item);
    ask.users = wire_list_of(&users, count);
    assert_int_equal(query_load(self->store, &ask, &out), 0);
    assert_int_equal(wire_loaded_decode(wire_buf(&out), &loaded), 0);
    assert_int_equal(loaded.head, 2);
    assert_true(next_member(&loaded.members, &role));
    assert_int_equal(role, WIRE_ROLE_MEMBER);
    assert_int_equal(members_of(self, 1), 3);
}

/* ---- two writers ---- */

static void a_writer_that_does_not_know_of_another_one_is_told_by_the_indexes(void **state)
{
    struct fixture *self = fixture_of(state);
    struct store *other = fixture_open(self);
    struct wire_event mine = fixture_message(self, 1, 3, 1, "mine", "text");
    struct wire_event theirs[2] = {fixture_message(self, 1, 2, 2, "first", "text"),
                                   fixture_message(self, 1, 3, 2, "second", "text")};
    struct wire_event next = fixture_message(self, 1, 4, 1, "mine", "text");
    struct wire_verdict verdicts[2];

    fixture_conversation(self, 1, 1); /* remembered here with head 1 … */
    assert_int_equal(other->ops->append(other, theirs, 1, verdicts), 0);
    theirs[0].client_id = mine.client_id;
    assert_int_equal(fixture_append(self, &mine).answer, WIRE_ANSWER_GAP); /* … and wrong */
    assert_int_equal(other->ops->append(other, &theirs[1], 1, verdicts), 0);
    mine.seq = 2;
    assert_int_equal(fixture_append(self, &mine).answer, WIRE_ANSWER_TAKEN);
    fixture_store(self, &next);
    other->ops->close(&other);
}

/* ---- answers that are lost ---- */

struct log {
    uint64_t count;
    unsigned voids;
};

static bool check_event(void *arg, const struct wire_event *event)
{
    struct log *self = arg;

    assert_int_equal(event->seq, ++self->count);
    self->voids += event->kind == WIRE_KIND_VOID;
    return true;
}

static struct log read_log(struct fixture *self, unsigned conversation)
{
    struct store_range range = {
        .conversation = fixture_id(conversation), .first = 1, .limit = 100000};
    struct log log = {0};

    assert_int_equal(self->store->ops->events(self->store, &range, check_event, &log), 0);
    return log;
}

/* The same server, through the proxy and as the only one there is. */
static char *proxied_uri(struct fixture *self, struct cut_proxy **ret)
{
    mongoc_uri_t *uri = mongoc_uri_new(self->place.uri), *copy;
    const mongoc_host_list_t *host = mongoc_uri_get_hosts(uri);
    char *text = NEW_ARRAY(1000, char);
    const char *user = mongoc_uri_get_username(uri);

    cut_proxy_new(ret, host->host, host->port);
    copy = mongoc_uri_new_for_host_port("127.0.0.1", cut_proxy_port(*ret));
    mongoc_uri_set_option_as_bool(copy, MONGOC_URI_DIRECTCONNECTION, true);
    mongoc_uri_set_option_as_bool(copy, MONGOC_URI_RETRYWRITES, false);
    if (user) {
        mongoc_uri_set_username(copy, user);
        mongoc_uri_set_password(copy, mongoc_uri_get_password(uri));
        mongoc_uri_set_auth_source(copy, mongoc_uri_get_auth_source(uri));
    }
    snprintf(text, 1000, "%s", mongoc_uri_get_string(copy));
    mongoc_uri_destroy(uri);
    mongoc_uri_destroy(copy);
    return text;
}

static size_t make_batch(struct fixture *self, unsigned conversation, struct wire_event *events)
{
    events[0] = fixture_created(self, conversation, 1, 1);
    for (uint64_t seq = 2; seq <= 10; seq++) {
        char client_id[20];

        snprintf(client_id, sizeof client_id, "lost %u", (unsigned)(seq == 7 ? 3 : seq));
        events[seq - 1] = fixture_message(self, conversation, seq, 1, client_id, "text");
    }
    return 10;
}

static void append_until_known(struct fixture *self, const struct wire_event *events, size_t count,
                               struct wire_verdict *verdicts)
{
    uint64_t end_ms = clock_monotonic_ms() + 20000;
    int rc;

    do
        rc = self->store->ops->append(self->store, events, count, verdicts);
    while (rc == -EAGAIN && clock_monotonic_ms() < end_ms);
    assert_int_equal(rc, 0);
}

/* Of the insert of events, of a look-up, of the insert of a member, of the mark that it is done. */
static void an_answer_that_is_lost_is_settled_by_the_record(void **state)
{
    static const char *const lose[] = {"lost 2", "find", "members", "$set"};
    struct fixture *self = fixture_of(state);
    const char *uri = self->place.uri;
    struct wire_event events[10];
    struct wire_verdict verdicts[10];
    struct cut_proxy *proxy = NULL;
    char *through = proxied_uri(self, &proxy);
    struct log log;

    self->place.uri = through;
    fixture_reopen(self);
    for (size_t i = 0; i < COUNT_OF(lose); i++) {
        unsigned conversation = (unsigned)i + 1;
        size_t count = make_batch(self, conversation, events);

        cut_proxy_lose(proxy, lose[i]);
        append_until_known(self, events, count, verdicts);
        for (size_t k = 0; k < count; k++)
            if (k == 6)
                assert_int_equal(verdicts[k].answer, WIRE_ANSWER_DUPLICATE_OF);
            else
                assert_true(verdicts[k].answer == WIRE_ANSWER_STORED ||
                            verdicts[k].answer == WIRE_ANSWER_SAME);
        assert_int_equal(cut_proxy_lost(proxy), i + 1);
        log = read_log(self, conversation);
        assert_int_equal(log.count, count);
        assert_int_equal(log.voids, 1);
        assert_int_equal(members_of(self, conversation), 2);
    }
    self->place.uri = uri;
    fixture_reopen(self);
    cut_proxy_free(&proxy);
    free(through);
}

/* A driver that sends a write again is told of its own first try. */
static void an_exchange_that_comes_twice_is_no_theft(void **state)
{
    struct fixture *self = fixture_of(state);
    uint8_t first[32] = {11}, second[32] = {200};
    struct wire_session session = {
        .id = fixture_id(11), .user = fixture_id(1), .created_ms = 1000, .used_ms = 1000};
    struct wire_session_rotate ask = {.session = session.id,
                                      .old_hash = wire_bytes_of(first, 32),
                                      .new_hash = wire_bytes_of(second, 32),
                                      .now_ms = 3000};
    struct wire_session_rotate_reply reply;
    AUTO(buf_done) struct buf out;

    buf_init(&out, 1000);
    assert_int_equal(self->store->ops->session_add(self->store, &session, wire_bytes_of(first, 32)),
                     0);
    for (int i = 0; i < 2; i++) {
        buf_clear(&out);
        assert_int_equal(query_session_rotate(self->store, &ask, &out), 0);
        assert_int_equal(wire_session_rotate_reply_decode(wire_buf(&out), &reply), 0);
        assert_int_equal(reply.status, WIRE_OK);
    }
    ask.now_ms++;
    buf_clear(&out);
    assert_int_equal(query_session_rotate(self->store, &ask, &out), 0);
    assert_int_equal(wire_session_rotate_reply_decode(wire_buf(&out), &reply), 0);
    assert_int_equal(reply.status, WIRE_UNAUTHORIZED);
}

/* ---- a server that dies ---- */

static bool run_script(const char *verb, const char *dir, char *ret_line)
{
    char command[300];
    FILE *pipe;

    snprintf(command, sizeof command, "env -u PARLEY_TEST_MONGODB_URI %s %s %s 2>/dev/null",
             PARLEY_MONGODB_SCRIPT, verb, dir);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(ret_line, 200, pipe))
        ret_line[strcspn(ret_line, "\n")] = '\0';
    return pclose(pipe) == 0;
}

/* Appends batch after batch; the server is killed while it does. The first batch without an answer
 * is appended again when the server is back. */
static void append_through_a_kill(struct fixture *self, const char *dir)
{
    struct wire_event events[20];
    struct wire_verdict verdicts[20];
    char line[200];
    uint64_t seq = 2;
    int rc = 0;
    pid_t killer = 0;

    fixture_conversation(self, 1, 1);
    for (unsigned round = 0; rc == 0; round++) {
        for (size_t i = 0; i < 20; i++, seq++) {
            char client_id[20];

            snprintf(client_id, sizeof client_id, "%u", (unsigned)seq);
            events[i] = fixture_message(self, 1, seq, 1, client_id, "text");
        }
        if (round == 3) {
            killer = fork();
            if (killer == 0)
                _exit(run_script("kill", dir, line) ? 0 : 1);
        }
        rc = self->store->ops->append(self->store, events, 20, verdicts);
    }
    waitpid(killer, NULL, 0);
    assert_int_equal(rc, -EAGAIN);
    assert_true(run_script("restart", dir, line));
    append_until_known(self, events, 20, verdicts);
    for (size_t i = 0; i < 20; i++)
        assert_true(verdicts[i].answer == WIRE_ANSWER_STORED ||
                    verdicts[i].answer == WIRE_ANSWER_SAME);
    assert_int_equal(read_log(self, 1).count, seq - 1);
    assert_int_equal(read_log(self, 1).voids, 0);
}

static void a_server_killed_between_appends_loses_nothing(void **state)
{
    struct fixture *self = fixture_of(state);
    const char *uri = self->place.uri;
    char dir[] = "/tmp/parley-mongo-XXXXXX", line[200] = "";

    assert_non_null(mkdtemp(dir));
    if (!run_script("start", dir, line)) {
        print_message("skipped: no MongoDB server of our own to kill\n");
        skip();
    }
    self->store->ops->close(&self->store);
    self->place.uri = line;
    self->store = fixture_open(self);
    append_through_a_kill(self, dir);
    self->place.uri = uri;
    fixture_reopen(self);
    assert_true(run_script("stop", dir, line));
    snprintf(line, sizeof line, "rm -rf %s", dir);
    assert_int_equal(system(line), 0);
}

int main(void)
{
#define ON_MONGODB(test) cmocka_unit_test_setup_teardown(test, fixture_mongodb, fixture_done)
    static const struct CMUnitTest tests[] = {
        ON_MONGODB(a_newer_schema_is_refused_with_a_clear_sentence),
        ON_MONGODB(a_server_that_is_away_is_said_to_be),
        ON_MONGODB(a_reader_waits_for_the_writer_to_make_the_database),
        ON_MONGODB(everything_is_read_from_the_primary_whatever_the_uri_says),
        ON_MONGODB(a_table_of_heads_that_fills_up_within_a_batch_forgets_no_number),
        ON_MONGODB(every_write_asks_for_majority_and_journal),
        ON_MONGODB(a_write_that_asks_for_less_would_be_counted),
        ON_MONGODB(what_a_writer_left_undone_the_next_one_does),
        ON_MONGODB(a_batch_sent_again_does_what_was_left_undone),
        ON_MONGODB(a_load_sees_the_members_of_an_append_that_came_late),
        ON_MONGODB(a_writer_that_does_not_know_of_another_one_is_told_by_the_indexes),
        ON_MONGODB(an_answer_that_is_lost_is_settled_by_the_record),
        ON_MONGODB(an_exchange_that_comes_twice_is_no_theft),
        ON_MONGODB(a_server_killed_between_appends_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
