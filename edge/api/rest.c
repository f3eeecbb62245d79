/* From an HTTP request to a call, and from its outcome to the answer. The order at the door: is
 * there such a path, such a method, a good token, a token in the bucket, a body of the right kind.
 */
#include "edge/api/rest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/api/backend.h"
#include "edge/api/calls.h"
#include "edge/api/render.h"

#define VALUE_MAX 1024 /* bytes of a query parameter */
#define PARTS 2        /* variable parts in a path, at most */

/* ":name" stands for one part of the path, which becomes a member of the input. */
static const struct route {
    enum http_method method;
    const char *path;
    const struct call_spec *spec;
} routes[] = {
    {HTTP_POST, "/api/auth/register", &call_register},
    {HTTP_POST, "/api/auth/login", &call_login},
    {HTTP_POST, "/api/auth/refresh", &call_refresh},
    {HTTP_POST, "/api/auth/logout", &call_logout},
    {HTTP_GET, "/api/users/me", &call_me},
    {HTTP_PATCH, "/api/users/me", &call_me_change},
    {HTTP_GET, "/api/users", &call_users},
    {HTTP_GET, "/api/users/:userId", &call_user},
    {HTTP_GET, "/api/sessions", &call_sessions},
    {HTTP_DELETE, "/api/sessions/:sessionId", &call_session_end},
    {HTTP_GET, "/api/conversations", &call_conversations},
    {HTTP_POST, "/api/conversations", &call_conversation_create},
    {HTTP_GET, "/api/conversations/:conversationId", &call_conversation},
    {HTTP_PATCH, "/api/conversations/:conversationId", &call_conversation_change},
    {HTTP_GET, "/api/conversations/:conversationId/members", &call_members},
    {HTTP_POST, "/api/conversations/:conversationId/members", &call_members_add},
    {HTTP_PATCH, "/api/conversations/:conversationId/members/:userId", &call_member_change},
    {HTTP_DELETE, "/api/conversations/:conversationId/members/:userId", &call_member_remove},
    {HTTP_GET, "/api/conversations/:conversationId/messages", &call_messages},
    {HTTP_GET, "/api/conversations/:conversationId/events", &call_events},
    {HTTP_POST, "/api/messages", &call_message_send},
    {HTTP_GET, "/api/messages/:messageId", &call_message},
    {HTTP_GET, "/health", &call_health},
    {HTTP_GET, "/health/detailed", &call_health_detailed},
};

static const char *const method_names[] = {"GET",   "HEAD",   "POST",   "PUT",
                                           "PATCH", "DELETE", "OPTIONS"};

/* ---- the answer ---- */

static void add_cors(struct buf *headers, const struct api *api, struct http_request *request)
{
    char origin[256];

    if (!api_origins(api))
        return;
    buf_put_text(headers, "Vary: Origin\r\n");
    if (http_header(request, "origin", origin, sizeof origin) > 0 &&
        api_origin_is_allowed(api, origin))
        buf_printf(headers,
                   "Access-Control-Allow-Origin: %s\r\n"
                   "Access-Control-Expose-Headers: Retry-After\r\n",
                   origin);
}

/* headers: more of them, or "". body empty: none. */
static void answer(const struct api *api, struct http_request *request, int status,
                   const char *headers, struct wire_bytes body)
{
    AUTO(buf_done) struct buf lines;
    struct http_answer out = {.status = status,
                              .type = body.len ? "application/json" : NULL,
                              .body = body.data,
                              .len = body.len};

    buf_init(&lines, 4096);
    buf_put_text(&lines, "Cache-Control: no-store\r\n");
    buf_put_text(&lines, headers);
    add_cors(&lines, api, request);
    buf_put(&lines, "", 1);
    out.headers = (const char *)lines.data;
    http_answer(&request, &out);
}

static void answer_error(const struct api *api, struct http_request *request, int status,
                         const char *headers, json_t *error)
{
    AUTO(render_drop) json_t *body = json_pack("{s:O}", "error", error);
    AUTO(base_free_text) char *text = json_dumps(body, JSON_COMPACT);

    answer(api, request, status, headers, wire_text(text));
}

/* Where there is no call to fail. */
static bool refuse(const struct api *api, struct http_request *request, int status,
                   const char *headers, const char *message)
{
    AUTO(render_drop)
    json_t *error =
        json_pack("{s:s,s:s}", "code", status == 404 ? "not_found" : "invalid", "message", message);

    answer_error(api, request, status, headers, error);
    return true;
}

static void succeed(struct call *call, enum call_outcome outcome, struct wire_bytes body)
{
    static const int statuses[] = {
        [CALL_DONE] = 200, [CALL_CREATED] = 201, [CALL_REPEATED] = 200, [CALL_EMPTY] = 204};

    answer(call->api, call->end_arg, statuses[outcome], "", body);
}

static void fail(struct call *call, int http, uint32_t retry_after_ms, json_t *error)
{
    char headers[100] = "";

    if (retry_after_ms)
        snprintf(headers, sizeof headers, "Retry-After: %" PRIu32 "\r\n",
                 (retry_after_ms + 999) / 1000);
    else if (http == 401)
        snprintf(headers, sizeof headers, "WWW-Authenticate: Bearer\r\n");
    answer_error(call->api, call->end_arg, http, headers, error);
}

static const struct call_end rest_end = {succeed, fail, NULL};

/* ---- the path ---- */

struct part {
    const char *name, *value;
    int name_len, value_len;
};

static size_t part_length(const char *path)
{
    return strcspn(path, "/");
}

static bool matches(const char *pattern, const char *path, struct part parts[PARTS])
{
    size_t count = 0;

    while (*pattern == '/' && *path == '/') {
        size_t want = part_length(++pattern), have = part_length(++path);

        if (*pattern == ':' && have > 0)
            parts[count++] = (struct part){pattern + 1, path, (int)want - 1, (int)have};
        else if (want != have || strncmp(pattern, path, want) != 0)
            return false;
        pattern += want;
        path += have;
    }
    for (; count < PARTS; count++)
        parts[count].name = NULL;
    return *pattern == '\0' && *path == '\0';
}

/* The route, or NULL: then allow says which methods there are ("" when there is no such path). */
static const struct route *find(enum http_method method, const char *path, struct part parts[PARTS],
                                char *allow, size_t room)
{
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    const char *found = NULL; /* a literal path goes before one with variable parts */
    size_t used = 0;

    allow[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (!matches(routes[i].path, path, parts) || (found && strcmp(found, routes[i].path) != 0))
            continue;
        if (routes[i].method == wanted)
            return &routes[i];
        found = routes[i].path;
        used += (size_t)snprintf(allow + used, room - used, "%s%s", used ? ", " : "",
                                 method_names[routes[i].method]);
    }
    return NULL;
}

/* ---- the input ---- */

static json_t *text_or_empty(const char *text, size_t len)
{
    json_t *json = json_stringn(text, len);

    return json ? json : json_string("");
}

static void add_parts(json_t *input, const struct part parts[PARTS])
{
    char name[32];

    for (size_t i = 0; i < PARTS && parts[i].name; i++) {
        snprintf(name, sizeof name, "%.*s", parts[i].name_len, parts[i].name);
        json_object_set_new(input, name, text_or_empty(parts[i].value, (size_t)parts[i].value_len));
    }
}

/* What a table calls a number is one in a query too. */
static json_t *query_value(const struct shape_member *member, const char *value)
{
    size_t len = strlen(value);

    if (member->type == SHAPE_NUMBER && len > 0 && len < 19 && strspn(value, "0123456789") == len)
        return json_integer(strtoll(value, NULL, 10));
    return text_or_empty(value, len);
}

static void add_query(json_t *input, const struct shape_member *shape, struct http_request *request)
{
    char value[VALUE_MAX];

    for (; shape && shape->name; shape++) {
        int len = http_query(request, shape->name, value, sizeof value);

        if (len == -EMSGSIZE) /* too long for anything: its own limit will say so */
            json_object_set_new(input, shape->name, json_true());
        else if (len >= 0)
            json_object_set_new(input, shape->name, query_value(shape, value));
    }
}

static bool is_json(struct http_request *request)
{
    static const char wanted[] = "application/json";
    char type[128];

    return http_header(request, "content-type", type, sizeof type) > 0 &&
           strncasecmp(type, wanted, sizeof wanted - 1) == 0 &&
           strchr("; ", type[sizeof wanted - 1]); /* or its end */
}

static void run(struct call *call, json_t *input)
{
    struct part parts[PARTS];
    char allow[100];
    struct http_request *request = call->end_arg;

    find(http_method(request), http_path(request), parts, allow, sizeof allow);
    add_parts(input, parts);
    call->input = input;
    call_run(call);
}

static void on_body(void *arg, struct http_request *request, int rc, const void *body, size_t len)
{
    struct call *call = arg;
    json_t *input;

    if (rc == -EMSGSIZE) {
        call_fail(call, WIRE_TOO_LARGE, "the body is too large");
    } else if (rc < 0) {
        call_fail_busy(call, "the body did not come");
    } else if (len == 0) {
        run(call, json_object());
    } else if (!is_json(request)) {
        call_fail_with(call, &(struct call_error){.name = "invalid",
                                                  .http = 415,
                                                  .message = "the body must be application/json"});
    } else {
        input = json_loadb(body, len, 0, NULL);
        if (json_is_object(input)) {
            run(call, input);
            return;
        }
        json_decref(input);
        call_fail_member(call, "body", "the body must be a JSON object, without NUL");
    }
}

/* ---- the door ---- */

/* Just after the start a revoked token cannot be told from a good one. */
static bool knows_who_left(struct call *call)
{
    const char *trouble = backend_tokens_trouble(call->api->backend);

    if (trouble)
        call_fail_busy(call, trouble);
    return !trouble;
}

static bool authenticate(struct call *call, struct http_request *request)
{
    char header[TOKEN_MAX + 16] = "";
    int len = http_header(request, "authorization", header, sizeof header);
    bool is_bearer = len > 7 && strncasecmp(header, "Bearer ", 7) == 0;
    enum token_result result = TOKEN_INVALID;

    if (call->spec->open)
        return true;
    if (len == -ENOENT || is_bearer)
        result = api_authenticate(call->api, is_bearer ? header + 7 : NULL, &call->claims);
    if (result == TOKEN_GOOD)
        return knows_who_left(call);
    call_fail_with(call, &(struct call_error){
                             .code = WIRE_UNAUTHORIZED,
                             .message = "an access token is needed",
                             .details = json_pack("{s:s}", "reason", token_result_text(result))});
    return false;
}

static bool read_key(struct call *call, struct http_request *request)
{
    int len = http_header(request, "idempotency-key", call->key, sizeof call->key);

    if (len == -ENOENT)
        call->key[0] = '\0';
    if (len == -ENOENT || (len > 0 && shape_is_printable_ascii(call->key, (size_t)len)))
        return true;
    call_fail_member(call, "Idempotency-Key",
                     "Idempotency-Key must be 1 to 128 bytes of printable ASCII");
    return false;
}

static void read_device(struct call *call, struct http_request *request)
{
    char agent[512];
    int len = http_header(request, "user-agent", agent, sizeof agent);

    if (len > 0 && shape_is_printable_ascii(agent, (size_t)len))
        snprintf(call->device, sizeof call->device, "%.*s", CALL_DEVICE - 1, agent);
}

static void start(struct api *api, const struct route *route, struct http_request *request)
{
    struct call *call = call_new(api, route->spec, &rest_end);
    char address[HTTP_ADDRESS_TEXT];
    json_t *input;

    call->end_arg = request;
    http_remote(request, address);
    if (!authenticate(call, request) || !call_admit(call, address) || !read_key(call, request))
        return;
    read_device(call, request);
    if (route->method == HTTP_GET || route->method == HTTP_DELETE) {
        input = json_object();
        add_query(input, route->spec->shape, request);
        run(call, input);
    } else {
        http_receive(request, REST_BODY_MAX, on_body, call);
    }
}

/* What a browser asks before a page of another origin may call. */
static bool is_preflight(const struct api *api, struct http_request *request)
{
    char origin[256];

    return http_method(request) == HTTP_OPTIONS && api_origins(api) &&
           http_header(request, "origin", origin, sizeof origin) > 0;
}

static const char preflight[] =
    "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE\r\n"
    "Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key\r\n"
    "Access-Control-Max-Age: 600\r\n";

static bool is_ours(const char *path)
{
    return strcmp(path, "/api") == 0 || strncmp(path, "/api/", 5) == 0 ||
           strcmp(path, "/health") == 0 || strncmp(path, "/health/", 8) == 0;
}

bool rest_request(struct api *api, struct http_request *request)
{
    const char *path = http_path(request);
    struct part parts[PARTS];
    char allow[100], header[120];
    const struct route *route;

    if (!is_ours(path))
        return false;
    route = find(http_method(request), path, parts, allow, sizeof allow);
    if (route) {
        start(api, route, request);
    } else if (allow[0] == '\0') {
        refuse(api, request, 404, "", "there is no such path");
    } else if (is_preflight(api, request)) {
        answer(api, request, 204, preflight, (struct wire_bytes){0});
    } else {
        snprintf(header, sizeof header, "Allow: %s\r\n", allow);
        refuse(api, request, 405, header, "this path has no such method");
    }
    return true;
}
