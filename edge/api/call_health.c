/* Whether this edge can do its work: for load balancers, supervisors and people. */
#include "edge/api/backend.h"
#include "edge/api/calls.h"
#include "edge/api/render.h"

static void run(struct call *call)
{
    const char *trouble = backend_trouble(call->api->backend);

    if (trouble)
        call_fail_busy(call, trouble);
    else
        call_succeed(call, CALL_DONE, json_pack("{s:s}", "status", "ok"));
}

static json_t *stage(const char *trouble, const char *waiting, size_t count)
{
    return json_pack("{s:o,s:I}", "trouble", trouble ? render_sentence(trouble) : json_null(),
                     waiting, (json_int_t)count);
}

/* Always 200: it is to be read, not to be balanced by. */
static void run_detailed(struct call *call)
{
    struct api *api = call->api;
    const char *trouble = backend_trouble(api->backend);

    call_succeed(call, CALL_DONE,
                 json_pack("{s:s,s:o,s:o}", "status", trouble ? "unavailable" : "ok", "edge",
                           stage(NULL, "passwordsWaiting", password_waiting(api->password)),
                           "pipeline",
                           stage(trouble, "unanswered", outbox_unanswered(api->outbox))));
}

const struct call_spec call_health = {true, CALL_RATE_NONE, NULL, run};
const struct call_spec call_health_detailed = {true, CALL_RATE_NONE, NULL, run_detailed};
