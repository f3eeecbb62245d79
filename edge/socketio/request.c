/* What a request to an Engine.IO path may do: the checks of the protocol, in its order, its errors,
 * and CORS. */
#include "edge/socketio/session.h"

#include <stdio.h>
#include <string.h>

enum code {
    UNKNOWN_TRANSPORT,
    UNKNOWN_SID,
    BAD_METHOD,
    BAD_REQUEST,
    FORBIDDEN,
    UNSUPPORTED_VERSION
};

static const char *const messages[] = {
    [UNKNOWN_TRANSPORT] = "Transport unknown",
    [UNKNOWN_SID] = "Session ID unknown",
    [BAD_METHOD] = "Bad handshake method",
    [BAD_REQUEST] = "Bad request",
    [FORBIDDEN] = "Forbidden",
    [UNSUPPORTED_VERSION] = "Unsupported protocol version",
};

enum kind { KIND_UNKNOWN, KIND_POLLING, KIND_WEBSOCKET };

struct parts {
    enum kind kind;
    bool has_sid, is_version_4, is_upgrade;
    enum http_method method;
    struct engineio_session *session;
};

/* "*", or the exact origin with credentials. */
void request_cors(struct engineio *server, struct http_request *request, char ret[CORS_ROOM])
{
    char origin[512];

    ret[0] = '\0';
    if (!server->options.origins || http_header(request, "origin", origin, sizeof(origin)) < 1)
        return;
    for (const char *const *at = server->options.origins; *at; at++) {
        if (strcmp(*at, "*") == 0) {
            snprintf(ret, CORS_ROOM, "Access-Control-Allow-Origin: *\r\n");
            return;
        }
        if (strcmp(*at, origin) != 0)
            continue;
        snprintf(ret, CORS_ROOM,
                 "Access-Control-Allow-Origin: %s\r\n"
                 "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n",
                 origin);
        return;
    }
}

static void refuse_upgrade(struct http_request **request, int status, const char *headers,
                           const char *message)
{
    http_answer(request, &(struct http_answer){.status = status,
                                               .type = "text/html",
                                               .headers = headers,
                                               .body = message,
                                               .len = strlen(message)});
}

static void refuse(struct http_request **request, int status, int code, const char *headers,
                   const char *message)
{
    char body[512];

    if (http_is_upgrade(*request)) {
        refuse_upgrade(request, status, headers, message);
        return;
    }
    snprintf(body, sizeof(body), "{\"code\":%d,\"message\":\"%s\"}", code, message);
    http_answer(request, &(struct http_answer){.status = status,
                                               .type = "application/json",
                                               .headers = headers,
                                               .body = body,
                                               .len = strlen(body)});
}

void request_refuse(struct engineio *server, struct http_request **request, int status, int code,
                    const char *message)
{
    char headers[CORS_ROOM];

    request_cors(server, *request, headers);
    refuse(request, status, code, headers, message);
}

static bool allow_preflight(struct engineio *server, struct http_request **request)
{
    char headers[CORS_ROOM * 2], wanted[CORS_ROOM - 256];

    if (http_method(*request) != HTTP_OPTIONS || !server->options.origins)
        return false;
    request_cors(server, *request, headers);
    if (http_header(*request, "access-control-request-headers", wanted, sizeof(wanted)) < 0)
        wanted[0] = '\0';
    snprintf(headers + strlen(headers), CORS_ROOM,
             "Access-Control-Allow-Methods: GET,POST\r\n"
             "Access-Control-Allow-Headers: %s\r\n",
             wanted);
    http_answer(request, &(struct http_answer){.status = 204, .headers = headers});
    return true;
}

static bool origin_is_sane(struct http_request *request)
{
    char origin[512];
    int len = http_header(request, "origin", origin, sizeof(origin));

    for (int i = 0; i < len; i++) {
        if (((unsigned char)origin[i] < 0x20 && origin[i] != '\t') || origin[i] == 0x7f)
            return false;
    }
    return true;
}

static struct parts take_apart(struct engineio *server, struct http_request *request)
{
    struct parts parts = {.method = http_method(request), .is_upgrade = http_is_upgrade(request)};
    char text[64];

    if (http_query(request, "transport", text, sizeof(text)) > 0)
        parts.kind = strcmp(text, "polling") == 0     ? KIND_POLLING
                     : strcmp(text, "websocket") == 0 ? KIND_WEBSOCKET
                                                      : KIND_UNKNOWN;
    parts.is_version_4 =
        http_query(request, "EIO", text, sizeof(text)) == 1 && strcmp(text, "4") == 0;
    parts.has_sid = http_query(request, "sid", text, sizeof(text)) >= 0;
    if (parts.has_sid)
        parts.session = session_find(server, text);
    return parts;
}

/* Of a request with a sid: −1, or the code that refuses it. */
static int check_session(const struct parts *parts)
{
    const struct engineio_session *session = parts->session;

    if (!session)
        return UNKNOWN_SID;
    if (!parts->is_version_4 || !session->polling)
        return BAD_REQUEST;
    if (!parts->is_upgrade)
        return parts->kind == KIND_POLLING ? -1 : BAD_REQUEST;
    return parts->kind == KIND_WEBSOCKET && !session->polling->probe &&
                   session->state == SESSION_OPEN
               ? -1
               : BAD_REQUEST;
}

static int check_handshake(const struct parts *parts)
{
    if (parts->method != HTTP_GET)
        return BAD_METHOD;
    if ((parts->kind == KIND_WEBSOCKET) != parts->is_upgrade)
        return BAD_REQUEST;
    return -1;
}

static bool hook_refuses(struct engineio *server, struct http_request **request)
{
    struct engineio_refusal refusal = {.status = 403};
    char headers[CORS_ROOM + 64];

    if (!server->events->handshake || server->events->handshake(server->arg, *request, &refusal))
        return false;
    server->stats.refused++;
    request_cors(server, *request, headers);
    if (refusal.retry_after_s)
        snprintf(headers + strlen(headers), 64, "Retry-After: %u\r\n", refusal.retry_after_s);
    refuse(request, refusal.status, FORBIDDEN, headers,
           refusal.message ? refusal.message : messages[FORBIDDEN]);
    return true;
}

static void refuse_by_code(struct engineio *server, struct http_request **request, int code)
{
    request_refuse(server, request, 400, code, messages[code]);
}

static void accept_upgrade(struct engineio *server, struct http_request **request)
{
    char headers[CORS_ROOM];

    request_cors(server, *request, headers);
    takeover_accept(server, request, headers[0] ? headers : NULL);
}

static void begin(struct engineio *server, struct http_request *request)
{
    struct engineio_session *session;
    AUTO(payload_unref) struct payload *open = NULL;

    if (http_is_upgrade(request)) {
        accept_upgrade(server, &request);
        return;
    }
    session = session_new(server, request);
    long_poll_start(session);
    open = session_open_packet(session, true);
    long_poll_push(session, open);
    session_opened(session);
    long_poll_get(session, request);
}

static void go_on(const struct parts *parts, struct http_request *request)
{
    struct engineio *server = parts->session->server;

    if (parts->is_upgrade)
        accept_upgrade(server, &request);
    else if (parts->method == HTTP_GET)
        long_poll_get(parts->session, request);
    else if (parts->method == HTTP_POST)
        long_poll_post(parts->session, request);
    else
        request_refuse(server, &request, 405, BAD_REQUEST, messages[BAD_REQUEST]);
}

bool engineio_request(struct engineio *self, struct http_request *request)
{
    struct parts parts;
    int code = -1;

    if (strcmp(http_path(request), self->options.path) != 0)
        return false;
    if (allow_preflight(self, &request))
        return true;
    parts = take_apart(self, request);
    if (parts.kind == KIND_UNKNOWN)
        code = UNKNOWN_TRANSPORT;
    else if (!origin_is_sane(request))
        code = BAD_REQUEST;
    else
        code = parts.has_sid ? check_session(&parts) : check_handshake(&parts);
    if (code >= 0)
        refuse_by_code(self, &request, code);
    else if (parts.has_sid)
        go_on(&parts, request);
    else if (hook_refuses(self, &request))
        return true;
    else if (!parts.is_version_4)
        refuse_by_code(self, &request, UNSUPPORTED_VERSION);
    else
        begin(self, request);
    return true;
}
