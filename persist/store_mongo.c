/* The MongoDB store: the connection, its concerns, its errors. Every write waits for the majority
 * and the journal, every read sees what a majority has. */
#include "persist/store_mongo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES_MOST 65536
#define TITLE_MAX (1u << 20)
#define WRITE_TIMEOUT_MS 3000 /* shorter than a socket's */

static const char *const names[MONGO_COLLECTIONS] = {
    "events", "conversations", "members", "claims", "users", "sessions", "spent", "meta",
};

struct store_mongo *mongo_of(struct store *self)
{
    return CONTAINER_OF(self, struct store_mongo, base);
}

/* ---- errors ---- */

static int errno_of(const bson_error_t *error)
{
    if (error->domain == MONGOC_ERROR_SERVER_SELECTION || error->domain == MONGOC_ERROR_STREAM ||
        error->domain == MONGOC_ERROR_WRITE_CONCERN)
        return -EAGAIN;
    if (error->domain == MONGOC_ERROR_CLIENT)
        return error->code == MONGOC_ERROR_CLIENT_SESSION_FAILURE
                   ? -EAGAIN
                   : -EACCES; /* authentication, or a URI that cannot be used */
    switch (error->code) {
    case 11000: /* DuplicateKey */
        return -EEXIST;
    case 13: /* Unauthorized */
    case 18: /* AuthenticationFailed */
        return -EACCES;
    case 14031: /* OutOfDiskSpace */
        return -ENOSPC;
    case 6:     /* HostUnreachable */
    case 7:     /* HostNotFound */
    case 43:    /* CursorNotFound */
    case 64:    /* WriteConcernFailed */
    case 89:    /* NetworkTimeout */
    case 91:    /* ShutdownInProgress */
    case 133:   /* FailedToSatisfyReadPreference */
    case 189:   /* PrimarySteppedDown */
    case 262:   /* ExceededTimeLimit */
    case 9001:  /* SocketException */
    case 10058: /* LegacyNotPrimary */
    case 10107: /* NotWritablePrimary */
    case 11600: /* InterruptedAtShutdown */
    case 11601: /* Interrupted */
    case 11602: /* InterruptedDueToReplStateChange */
    case 13435: /* NotPrimaryNoSecondaryOk */
    case 13436: /* NotPrimaryOrSecondary */
        return -EAGAIN;
    default:
        return -EIO;
    }
}

static const char *advice_of(int rc)
{
    switch (rc) {
    case -EAGAIN:
        return "it cannot be reached or has no primary: start it, or correct store/uri";
    case -EACCES:
        return "it does not let this user in, or not write: correct store/uri or the user's roles";
    case -ENOSPC:
        return "its disk is full: make room, then it goes on by itself";
    default:
        return "a command failed";
    }
}

int mongo_error(struct store_mongo *self, const bson_error_t *error)
{
    int rc = errno_of(error);

    if (rc != -EEXIST)
        snprintf(self->base.why, sizeof self->base.why, "the MongoDB server: %s (%.160s)",
                 advice_of(rc), error->message);
    return rc;
}

int mongo_unsettled(struct store_mongo *self)
{
    snprintf(self->base.why, sizeof self->base.why,
             "the MongoDB servers did not confirm a write in time");
    return -EAGAIN;
}

/* ---- opening ---- */

/* Short enough that a server that is away, or does not answer, is noticed within seconds; what the
 * operator wrote stands. */
static void set_defaults(mongoc_uri_t *uri)
{
    static const struct {
        const char *name;
        int32_t ms;
    } defaults[] = {
        {MONGOC_URI_CONNECTTIMEOUTMS, 2000},
        {MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 3000},
        {MONGOC_URI_SOCKETTIMEOUTMS, 5000},
    };

    for (size_t i = 0; i < COUNT_OF(defaults); i++)
        if (!mongoc_uri_has_option(uri, defaults[i].name))
            mongoc_uri_set_option_as_int32(uri, defaults[i].name, defaults[i].ms);
    if (!mongoc_uri_get_appname(uri))
        mongoc_uri_set_appname(uri, "parley-persist");
}

static void get_collections(struct store_mongo *self, const char *database)
{
    mongoc_write_concern_t *write = mongoc_write_concern_new();
    mongoc_read_concern_t *read = mongoc_read_concern_new();
    mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);

    mongoc_write_concern_set_wmajority(write, WRITE_TIMEOUT_MS);
    mongoc_write_concern_set_journal(write, true);
    mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
    self->database = mongoc_client_get_database(self->client, database);
    for (size_t i = 0; i < MONGO_COLLECTIONS; i++) {
        self->collections[i] = mongoc_client_get_collection(self->client, database, names[i]);
        mongoc_collection_set_write_concern(self->collections[i], write);
        mongoc_collection_set_read_concern(self->collections[i], read);
        mongoc_collection_set_read_prefs(self->collections[i], primary); /* whatever the URI says */
    }
    mongoc_write_concern_destroy(write);
    mongoc_read_concern_destroy(read);
    mongoc_read_prefs_destroy(primary);
}

static int connect_to(struct store_mongo *self, const struct store_place *place)
{
    bson_error_t error;
    mongoc_uri_t *uri;

    mongoc_init();
    mongo_log_to_ours();
    uri = mongoc_uri_new_with_error(place->uri, &error);
    if (!uri) {
        snprintf(self->base.why, sizeof self->base.why, "store/uri is no MongoDB URI (%.160s)",
                 error.message);
        return -EINVAL;
    }
    set_defaults(uri);
    self->client = mongoc_client_new_from_uri_with_error(uri, &error);
    mongoc_uri_destroy(uri);
    if (!self->client)
        return mongo_error(self, &error);
    mongoc_client_set_error_api(self->client, MONGOC_ERROR_API_VERSION_2);
    mongo_watch_commands(self);
    get_collections(self, place->database);
    return 0;
}

static void close_store(struct store **base)
{
    struct store_mongo *self;

    if (!*base)
        return;
    self = mongo_of(*base);
    for (size_t i = 0; i < MONGO_COLLECTIONS; i++)
        mongoc_collection_destroy(self->collections[i]);
    mongoc_database_destroy(self->database);
    mongoc_client_destroy(self->client);
    states_free(&self->states);
    buf_done(&self->title);
    free(self);
    *base = NULL;
}

static int open_store(struct store **ret, const struct store_place *place, char **ret_why)
{
    struct store_mongo *self = NEW(struct store_mongo);
    AUTO(close_store) struct store *base = &self->base;
    int rc;

    self->base.ops = &store_mongo;
    states_new(&self->states, STATES_MOST);
    buf_init(&self->title, TITLE_MAX);
    rc = connect_to(self, place);
    if (rc == 0)
        rc = mongo_set_up(self, place->writer);
    if (rc == 0 && place->writer)
        rc = mongo_catch_up(self, NULL);
    if (rc < 0) {
        *ret_why = base_strdup(self->base.why);
        return rc;
    }
    *ret = TAKE(base);
    return 0;
}

/* Its reads are each of a moment of their own. */
static int view(struct store *base, bool begin)
{
    (void)base;
    (void)begin;
    return 0;
}

const struct store_ops store_mongo = {
    .kind = "mongodb",
    .durability = WIRE_DURABILITY_MAJORITY,
    .open = open_store,
    .close = close_store,
    .view = view,
    .append = mongo_append,
    .settle = mongo_settle,
    .claim = mongo_claim,
    .holdings = mongo_holdings,
    .head = mongo_head,
    .known = mongo_known,
    .conversation = mongo_conversation,
    .events = mongo_events,
    .intervals = mongo_intervals,
    .members = mongo_members,
    .memberships = mongo_memberships,
    .user_add = mongo_user_add,
    .user_get = mongo_user_get,
    .user_login = mongo_user_login,
    .user_find = mongo_user_find,
    .user_update = mongo_user_update,
    .session_add = mongo_session_add,
    .session_get = mongo_session_get,
    .session_list = mongo_session_list,
    .session_revoke = mongo_session_revoke,
    .hash_issued = mongo_hash_issued,
    .hash_spend = mongo_hash_spend,
    .jobs = mongo_jobs,
    .job_settle = mongo_job_settle,
};
