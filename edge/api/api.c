/* The door's equipment: key, limits, password threads, the list of ended sessions. */
#include "edge/api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "edge/api/call.h"

#define REVOKED_MOST 200000 /* 8 MB */

static void read_limits(struct api_limits *self, struct conf *conf)
{
    *self = (struct api_limits){
        .text_bytes = (size_t)conf_number(conf, "edge/text_bytes"),
        .member_ids = (size_t)conf_number(conf, "edge/member_ids"),
        .sync_bytes = (size_t)conf_number(conf, "edge/queue_bytes") / 4,
        .token_s = (uint64_t)conf_number(conf, "edge/token_s"),
        .admin_token_s = (uint64_t)conf_number(conf, "edge/admin_token_s"),
        .refresh_ms = (uint64_t)conf_number(conf, "edge/refresh_s") * 1000,
    };
}

static struct rate *make_rate(struct conf *conf, const char *rate, const char *burst)
{
    struct rate_options options = {
        .per_second = (uint32_t)conf_number(conf, rate),
        .burst = (uint32_t)conf_number(conf, burst),
        .keys = (uint32_t)conf_number(conf, "edge/rate_keys"),
    };
    struct rate *self;

    rate_new(&self, &options);
    return self;
}

/* "a b" becomes {"a", "b", NULL}; both arrays in one piece of memory each. */
static char **split(const char *text)
{
    char *copy = base_strdup(text), *at = copy;
    char **words = NEW_ARRAY(strlen(text) / 2 + 3, char *);
    size_t count = 0;

    words[count++] = copy; /* kept in front, to be freed */
    for (char *word; (word = strsep(&at, " "));)
        if (*word)
            words[count++] = word;
    return words;
}

int api_new(struct api **ret, struct service *service, uv_loop_t *loop, char **ret_why)
{
    AUTO(api_free) struct api *self = NEW(struct api);
    struct conf *conf = service_conf(service);
    struct stat_set *stats = service_stats(service);
    struct password_options password = {
        .passes = (unsigned)conf_number(conf, "edge/argon2_passes"),
        .memory_kib = (unsigned)conf_number(conf, "edge/argon2_memory_kib"),
        .queue = (unsigned)conf_number(conf, "edge/password_queue"),
    };
    int rc;

    self->service = service;
    buf_init(&self->answer, CALL_ANSWER_MAX);
    self->loop = loop;
    self->taken = stat_counter(stats, "calls");
    self->failed = stat_counter(stats, "calls_failed");
    self->limited = stat_counter(stats, "calls_limited");
    self->unavailable = stat_counter(stats, "calls_unavailable");
    self->syncs = stat_counter(stats, "syncs");
    self->syncs_asked = stat_counter(stats, "syncs_asked");
    read_limits(&self->limits, conf);
    self->words = split(conf_text(conf, "edge/origins"));
    rc = token_key_new(&self->key, conf_path(conf, "edge/jwt_key"), ret_why);
    if (rc < 0)
        return rc;
    rc = password_new(&self->password, loop, &password);
    if (rc < 0)
        return rc;
    revoked_new(&self->revoked, api_longest_token_s(self) + 60, REVOKED_MOST);
    tail_new(&self->tail, (size_t)conf_number(conf, "edge/tail_megabytes") << 20, stats);
    self->rate_messages = make_rate(conf, "edge/messages_rate", "edge/messages_burst");
    self->rate_sign_in = make_rate(conf, "edge/auth_rate", "edge/auth_burst");
    self->rate_calls = make_rate(conf, "edge/other_rate", "edge/other_burst");
    *ret = TAKE(self);
    return 0;
}

void api_free(struct api **self)
{
    struct api *api = TAKE(*self);

    if (!api)
        return;
    password_free(&api->password);
    call_end_all(api);
    buf_done(&api->answer);
    rate_free(&api->rate_messages);
    rate_free(&api->rate_sign_in);
    rate_free(&api->rate_calls);
    tail_free(&api->tail);
    revoked_free(&api->revoked);
    token_key_free(&api->key);
    if (api->words)
        free(api->words[0]);
    free(api->words);
    free(api);
}

uint64_t api_longest_token_s(const struct api *self)
{
    const struct api_limits *limits = &self->limits;

    return limits->token_s > limits->admin_token_s ? limits->token_s : limits->admin_token_s;
}

const char *const *api_origins(const struct api *self)
{
    return self->words[1] ? (const char *const *)&self->words[1] : NULL;
}

bool api_origin_is_allowed(const struct api *self, const char *origin)
{
    for (char **word = &self->words[1]; *word; word++)
        if (strcmp(*word, "*") == 0 || strcmp(*word, origin) == 0)
            return true;
    return false;
}

enum token_result api_authenticate(struct api *self, const char *token, struct token_claims *ret)
{
    struct token_claims claims;
    enum token_result result = token_check(self->key, token, clock_wall_ms() / 1000, &claims);

    if (result != TOKEN_GOOD)
        return result;
    if (revoked_has(self->revoked, &claims.user, &claims.session, claims.issued_s))
        return TOKEN_REVOKED;
    *ret = claims;
    return TOKEN_GOOD;
}
