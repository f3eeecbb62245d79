/* `parley user add`, `import` and `token` ask an edge, for only edges hash passwords and hold the
 * key. What they ask is a call like any other, with the control socket as its end. */
#include "edge/api/admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "edge/api/calls.h"

struct asker {
    struct bus_peer peer;
    uint64_t trace;
};

static void reply(struct call *call, enum wire_result status, const char *detail)
{
    struct asker *asker = call->end_arg;

    service_reply_status(call->api->service, &asker->peer, asker->trace, status, detail);
    free(asker);
}

/* "userId", or "userId token". */
static void succeed(struct call *call, enum call_outcome outcome, struct wire_bytes text)
{
    json_t *body = json_loadb((const char *)text.data, text.len, 0, NULL);
    const char *id = shape_cstring(json_object_get(body, "user"), "id");
    const char *token = shape_cstring(body, "accessToken");
    char detail[ID_TEXT + TOKEN_MAX + 1];

    (void)outcome;
    snprintf(detail, sizeof detail, "%s%s%s", id, *token ? " " : "", token);
    reply(call, WIRE_OK, detail);
    json_decref(body);
}

static enum wire_result result_of(int http)
{
    switch (http) {
    case 400:
        return WIRE_INVALID;
    case 404:
        return WIRE_NOT_FOUND;
    case 409:
        return WIRE_CONFLICT;
    default:
        return WIRE_UNAVAILABLE;
    }
}

/* Of a conflict the operator's command wants the member that is taken. */
static void fail(struct call *call, int http, uint32_t retry_after_ms, json_t *error)
{
    (void)retry_after_ms;
    if (http == 409)
        reply(call, WIRE_CONFLICT, shape_cstring(json_object_get(error, "details"), "member"));
    else
        reply(call, result_of(http), shape_cstring(error, "message"));
}

static const struct call_end admin_end = {succeed, fail, NULL};

/* Not UTF-8: true, which no shape takes for a text. "": not given. */
static void set(json_t *input, const char *name, struct wire_bytes value)
{
    json_t *json;

    if (value.len == 0)
        return;
    json = json_stringn((const char *)value.data, value.len);
    json_object_set_new(input, name, json ? json : json_true());
}

static json_t *user_input(struct wire_bytes body)
{
    struct wire_admin_user user = {0};
    json_t *input = json_object();

    if (wire_admin_user_decode(body, &user) < 0)
        return input; /* lacks what the shape demands */
    set(input, "username", user.username);
    set(input, "email", user.email);
    set(input, "displayName", user.display_name);
    set(input, "password", user.password);
    return input;
}

static json_t *token_input(struct wire_bytes body)
{
    struct wire_admin_token token = {0};
    json_t *input = json_object();

    if (wire_admin_token_decode(body, &token) == 0)
        set(input, "login", token.login);
    json_object_set_new(input, "device", json_string("parley user token"));
    return input;
}

static void start(struct api *api, const struct bus_frame *request, const struct call_spec *spec,
                  json_t *input)
{
    struct asker *asker = NEW(struct asker);
    struct call *call = call_new(api, spec, &admin_end);

    *asker = (struct asker){request->peer, request->head.trace};
    call->end_arg = asker;
    call->input = input;
    call_run(call);
}

void admin_request(void *arg, const struct bus_frame *request)
{
    struct api *api = arg;

    if (request->head.type == WIRE_TYPE_ADMIN_USER)
        start(api, request, &call_admin_user, user_input(request->body));
    else if (request->head.type == WIRE_TYPE_ADMIN_TOKEN)
        start(api, request, &call_admin_token, token_input(request->body));
    else
        service_reply_status(api->service, &request->peer, request->head.trace, WIRE_INVALID,
                             "an edge does not know this request");
}
