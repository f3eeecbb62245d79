/* Between the doors (rest.c, live.c) and what calls do (call_*.c): limits, shapes, one question at
 * a time to the rest of the system, one answer. */
#include "edge/api/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "edge/api/call_ask.h"
#include "edge/api/render.h"

#define KEEP_BYTES 65536 /* of memory between two answers */
#define RETRY_MS 1000    /* what is unavailable now may be there then */

struct call *call_new(struct api *api, const struct call_spec *spec, const struct call_end *end)
{
    struct call *call = NEW(struct call);

    call->api = api;
    call->spec = spec;
    call->end = end;
    call->doubtful = "conversationId";
    call->next = api->calls;
    call->link = &api->calls;
    if (api->calls)
        api->calls->link = &call->next;
    api->calls = call;
    (*api->taken)++;
    return call;
}

static void call_free(struct call *call)
{
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    call_state_drop(call);
    json_decref(call->input);
    free(call);
}

static void fail_stopping(struct call *call)
{
    call_fail_busy(call, "this server is stopping");
}

void call_end_all(struct api *api)
{
    for (struct call *call = api->calls, *next; call; call = next) {
        next = call->next;
        fail_stopping(call);
    }
}

void *call_state(struct call *call, size_t size, void (*done)(void *state))
{
    call->state = base_alloc(1, size);
    call->state_done = done;
    return call->state;
}

void call_state_drop(struct call *call)
{
    if (call->state_done)
        call->state_done(call->state);
    free(TAKE(call->state));
    call->state_done = NULL;
}

static struct rate *rate_of(const struct call *call)
{
    switch (call->spec->rate) {
    case CALL_RATE_MESSAGE:
        return call->api->rate_messages;
    case CALL_RATE_SIGN_IN:
        return call->api->rate_sign_in;
    case CALL_RATE_OTHER:
        return call->api->rate_calls;
    case CALL_RATE_NONE:
        break;
    }
    return NULL;
}

bool call_admit(struct call *call, const char *address)
{
    struct rate *rate = rate_of(call);
    struct id key = call->spec->open ? rate_key_of_address(address) : call->claims.user;
    uint32_t wait_ms = rate ? rate_take(rate, &key, clock_monotonic_us()) : 0;

    if (wait_ms == 0)
        return true;
    (*call->api->limited)++;
    call_fail_with(call, &(struct call_error){.name = "rate_limited",
                                              .http = 429,
                                              .retry_after_ms = wait_ms,
                                              .message = "too many calls"});
    return false;
}

void call_charge(struct call *call, uint64_t more)
{
    rate_charge(rate_of(call), &call->claims.user, more, clock_monotonic_us());
}

void call_run(struct call *call)
{
    struct shape_error error;

    if (call->api->stopping)
        fail_stopping(call);
    else if (shape_check(call->spec->shape, call->input, &error))
        call->spec->run(call);
    else if (error.code == WIRE_INVALID)
        call_fail_member(call, error.member, error.message);
    else
        call_fail(call, error.code, error.message);
}

void call_tell(struct call *call, const struct id *conversation, uint64_t seq)
{
    if (call->end->told)
        call->end->told(call, conversation, seq);
}

struct writer call_write(struct call *call)
{
    buf_clear(&call->api->answer);
    return writer_of(&call->api->answer);
}

void call_answer(struct call *call, enum call_outcome outcome, const struct writer *body)
{
    struct buf *answer = &call->api->answer;

    if (body && answer->over) {
        call_fail(call, WIRE_TOO_LARGE, "the answer is too large");
        return;
    }
    call->end->succeed(call, outcome, body ? wire_buf(answer) : (struct wire_bytes){0});
    if (answer->room > KEEP_BYTES) {
        buf_done(answer);
        buf_init(answer, CALL_ANSWER_MAX);
    }
    call_free(call);
}

static const struct code {
    const char *name;
    int http;
} codes[] = {
    [WIRE_INVALID] = {"invalid", 400},         [WIRE_UNAUTHORIZED] = {"unauthorized", 401},
    [WIRE_FORBIDDEN] = {"forbidden", 403},     [WIRE_NOT_FOUND] = {"not_found", 404},
    [WIRE_CONFLICT] = {"conflict", 409},       [WIRE_TOO_LARGE] = {"too_large", 413},
    [WIRE_UNAVAILABLE] = {"unavailable", 503}, [WIRE_FENCED] = {"unavailable", 503},
};

static struct code code_of(enum wire_result result)
{
    if (result >= COUNT_OF(codes) || !codes[result].name)
        return codes[WIRE_UNAVAILABLE];
    return codes[result];
}

void call_fail_with(struct call *call, const struct call_error *error)
{
    struct code code = code_of(error->code);
    int http = error->http ? error->http : code.http;
    uint32_t retry_ms = error->retry_after_ms;
    json_t *json = json_pack("{s:s,s:o}", "code", error->name ? error->name : code.name, "message",
                             render_sentence(error->message));

    if (http == 503 && retry_ms == 0)
        retry_ms = RETRY_MS;
    if (retry_ms)
        json_object_set_new(json, "retryAfterMs", json_integer(retry_ms));
    if (error->details)
        json_object_set_new(json, "details", error->details);
    (*call->api->failed)++;
    if (http == 503)
        (*call->api->unavailable)++;
    call->end->fail(call, http, retry_ms, json);
    json_decref(json);
    call_free(call);
}

void call_fail(struct call *call, enum wire_result code, const char *message)
{
    call_fail_with(call, &(struct call_error){.code = code, .message = message});
}

void call_fail_member(struct call *call, const char *member, const char *message)
{
    call_fail_with(call, &(struct call_error){.code = WIRE_INVALID,
                                              .message = message,
                                              .details = json_pack("{s:s}", "member", member)});
}

void call_fail_busy(struct call *call, const char *message)
{
    call_fail(call, WIRE_UNAVAILABLE, message);
}

static const char *message_of(enum wire_result code)
{
    switch (code) {
    case WIRE_INVALID:
        return "this cannot be done here";
    case WIRE_UNAUTHORIZED:
        return "not accepted";
    case WIRE_FORBIDDEN:
        return "your role does not suffice";
    case WIRE_NOT_FOUND:
        return "there is no such thing, or it is not yours";
    case WIRE_CONFLICT:
        return "this was done before with other content";
    case WIRE_TOO_LARGE:
        return "too large";
    default:
        return "the outcome is unknown: repeat it with the same clientId";
    }
}

bool call_failed(struct call *call, int rc, uint8_t status)
{
    if (rc == 0 && (status == WIRE_OK || status == WIRE_DUPLICATE))
        return false;
    if (rc == 0 && status == WIRE_INVALID)
        call_fail_member(call, call->doubtful, message_of(WIRE_INVALID));
    else
        call_fail(call, rc < 0 ? WIRE_UNAVAILABLE : status,
                  message_of(rc < 0 ? WIRE_UNAVAILABLE : status));
    return true;
}

static void on_reply(void *arg, const struct wire_bytes *reply)
{
    struct call *call = arg;

    if (reply)
        call->on_reply(call, reply);
    else
        call_fail_busy(call, "the store does not answer");
}

void call_ask(struct call *call, unsigned partition, enum wire_type type, const struct buf *body,
              call_reply_fn *then)
{
    int64_t rc = body->over ? -EMSGSIZE : 0;

    call->on_reply = then;
    if (call->api->stopping) {
        fail_stopping(call);
        return;
    }
    if (rc == 0)
        rc = query_send(call->api->query, partition, type, body, on_reply, call);
    if (rc == -EMSGSIZE)
        call_fail(call, WIRE_TOO_LARGE, message_of(WIRE_TOO_LARGE));
    else if (rc < 0)
        call_fail_busy(call, "too many questions to the store are under way");
}

static void on_answer(void *arg, const struct wire_answer *answer, bool resent)
{
    struct call *call = arg;

    if (answer->status == WIRE_CONFLICT || !call_failed(call, 0, answer->status))
        call->on_answer(call, answer, resent);
}

static void send_out(struct call *call, const struct wire_post *post,
                     const struct wire_revoke *revoke)
{
    struct outbox *outbox = call->api->outbox;
    int64_t rc;

    if (call->api->stopping) {
        fail_stopping(call);
        return;
    }
    rc = post ? outbox_post(outbox, post, clock_wall_ms(), on_answer, call)
              : outbox_revoke(outbox, revoke, on_answer, call);
    if (rc == -EMSGSIZE)
        call_fail(call, WIRE_TOO_LARGE, message_of(WIRE_TOO_LARGE));
    else if (rc < 0)
        call_fail_busy(call, "too much is waiting to be stored");
}

void call_post(struct call *call, const struct wire_post *post, call_answer_fn *then)
{
    call->on_answer = then;
    send_out(call, post, NULL);
}

void call_revoke(struct call *call, const struct wire_revoke *revoke, call_answer_fn *then)
{
    call->on_answer = then;
    send_out(call, NULL, revoke);
}

void call_fail_unknown(struct call *call, const char *member, const struct id *id)
{
    char text[ID_TEXT], message[80];

    id_to_text(id, text);
    snprintf(message, sizeof message, "%s: there is no user %s", member, text);
    call_fail_with(call, &(struct call_error){
                             .code = WIRE_NOT_FOUND,
                             .message = message,
                             .details = json_pack("{s:s,s:s}", "member", member, "id", text)});
}
