/* What libmongoc says and sends: its messages into our log, its commands under our eyes. */
#include <string.h>

#include "base/log.h"
#include "persist/store_mongo.h"

static void on_message(mongoc_log_level_t level, const char *domain, const char *message, void *arg)
{
    (void)arg;
    if (level <= MONGOC_LOG_LEVEL_CRITICAL)
        log_warn("libmongoc", "domain=%s says=%s", log_quote(domain), log_quote(message));
    else
        log_debug("libmongoc", "domain=%s says=%s", log_quote(domain), log_quote(message));
}

void mongo_log_to_ours(void)
{
    mongoc_log_set_handler(on_message, NULL);
}

static bool is_write(const char *name)
{
    static const char *const writes[] = {"insert", "update", "delete", "findAndModify"};

    for (size_t i = 0; i < COUNT_OF(writes); i++)
        if (strcmp(name, writes[i]) == 0)
            return true;
    return false;
}

static bool is_safe(const bson_t *command)
{
    bson_iter_t iter, w, j;

    return bson_iter_init(&iter, command) &&
           bson_iter_find_descendant(&iter, "writeConcern.w", &w) && BSON_ITER_HOLDS_UTF8(&w) &&
           strcmp(bson_iter_utf8(&w, NULL), "majority") == 0 && bson_iter_init(&iter, command) &&
           bson_iter_find_descendant(&iter, "writeConcern.j", &j) && bson_iter_as_bool(&j);
}

static void on_started(const mongoc_apm_command_started_t *event)
{
    struct store_mongo *self = mongoc_apm_command_started_get_context(event);

    if (!is_write(mongoc_apm_command_started_get_command_name(event)))
        return;
    self->base.writes++;
    if (!is_safe(mongoc_apm_command_started_get_command(event)))
        self->base.unsafe_writes++;
}

void mongo_watch_commands(struct store_mongo *self)
{
    mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();

    mongoc_apm_set_command_started_cb(callbacks, on_started);
    mongoc_client_set_apm_callbacks(self->client, callbacks, self);
    mongoc_apm_callbacks_destroy(callbacks);
}
