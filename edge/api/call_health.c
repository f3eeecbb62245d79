/* Whether this edge can do its work: for load balancers, supervisors and people. */
#include "edge/api/backend.h"
#include "edge/api/calls.h"

static void run(struct call *call)
{
    const char *trouble = backend_trouble(call->api->backend);

    if (trouble)
        call_fail_busy(call, trouble);
    else
        call_succeed(call, CALL_DONE, json_pack("{s:s}", "status", "ok"));
}

const struct call_spec call_health = {true, CALL_RATE_NONE, NULL, run};
