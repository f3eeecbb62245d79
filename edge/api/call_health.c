/* Whether this edge can do its work: for load balancers, supervisors and people. */
#include "edge/api/backend.h"
#include "edge/api/calls.h"
#include "edge/api/write.h"

static void answer_ok(struct call *call)
{
    struct writer to = call_write(call);

    writer_open_object(&to);
    writer_name(&to, "status");
    writer_plain(&to, "ok");
    writer_close_object(&to);
    call_answer(call, CALL_DONE, &to);
}

static void run(struct call *call)
{
    const char *trouble = backend_trouble(call->api->backend);

    if (trouble)
        call_fail_busy(call, trouble);
    else
        answer_ok(call);
}

static void write_stage(struct writer *to, const char *trouble, const char *waiting, size_t count)
{
    writer_open_object(to);
    writer_name(to, "trouble");
    write_sentence(to, trouble);
    writer_name(to, waiting);
    writer_number(to, count);
    writer_close_object(to);
}

/* Always 200: it is to be read, not to be balanced by. */
static void run_detailed(struct call *call)
{
    struct api *api = call->api;
    const char *trouble = backend_trouble(api->backend);
    struct writer to = call_write(call);

    writer_open_object(&to);
    writer_name(&to, "status");
    writer_plain(&to, trouble ? "unavailable" : "ok");
    writer_name(&to, "edge");
    write_stage(&to, NULL, "passwordsWaiting", password_waiting(api->password));
    writer_name(&to, "pipeline");
    write_stage(&to, trouble, "unanswered", outbox_unanswered(api->outbox));
    writer_close_object(&to);
    call_answer(call, CALL_DONE, &to);
}

const struct call_spec call_health = {true, CALL_RATE_NONE, NULL, run};
const struct call_spec call_health_detailed = {true, CALL_RATE_NONE, NULL, run_detailed};
