/* libclamav blocks for as long as a scan takes: it has this thread to itself. */
#include "scan/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_AGAIN_MS 5000

/* In two halves, so that this program is not taken for the thing itself. */
static const char eicar_first[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD";
static const char eicar_rest[] = "-ANTIVIRUS-TEST-FILE!$H+H*";

int worker_prove(struct engine *engine, char **ret_why)
{
    char eicar[sizeof eicar_first + sizeof eicar_rest];
    struct engine_result result;
    int len = snprintf(eicar, sizeof eicar, "%s%s", eicar_first, eicar_rest);

    engine->ops->scan_bytes(engine, eicar, (size_t)len, &result);
    if (result.verdict == ENGINE_INFECTED)
        return 0;
    if (asprintf(ret_why, "the engine does not find the EICAR test string (%s)",
                 result.verdict == ENGINE_CLEAN ? "clean" : result.text) < 0)
        abort();
    return -EIO;
}

static int load(const struct worker_setup *setup, struct engine **ret, unsigned *ret_signatures,
                char **ret_why)
{
    struct engine *engine = NULL;
    int rc = setup->ops->open(&engine, setup->database, &setup->limits, ret_signatures, ret_why);

    if (rc == 0)
        rc = worker_prove(engine, ret_why);
    if (rc == 0)
        *ret = engine;
    else if (engine)
        setup->ops->close(&engine);
    return rc;
}

static void report(zsock_t *pipe, enum worker_event event, uint64_t number, const char *text)
{
    zsock_send(pipe, "i8s", (int)event, number, text);
}

/* Until it has one, or $TERM comes: NULL. */
static struct engine *load_at_last(zsock_t *pipe, const struct worker_setup *setup)
{
    for (;;) {
        struct engine *engine = NULL;
        unsigned signatures = 0;
        AUTO(base_free_text) char *why = NULL;
        zmq_pollitem_t item = {.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN};

        if (load(setup, &engine, &signatures, &why) == 0) {
            report(pipe, WORKER_LOADED, signatures, "");
            return engine;
        }
        report(pipe, WORKER_BROKEN, 0, why);
        if (zmq_poll(&item, 1, LOAD_AGAIN_MS) != 0)
            return NULL;
    }
}

static void work(zsock_t *pipe, void *arg)
{
    const struct worker_setup *setup = arg;
    struct engine *engine;

    zsock_signal(pipe, 0);
    engine = load_at_last(pipe, setup);
    while (engine) {
        AUTO(base_free_text) char *path = zstr_recv(pipe);
        struct engine_result result;

        if (!path || streq(path, "$TERM"))
            break;
        engine->ops->scan_file(engine, path, &result);
        report(pipe, WORKER_RESULT, result.verdict, result.text);
    }
    if (engine)
        setup->ops->close(&engine);
}

zactor_t *worker_new(const struct worker_setup *setup)
{
    union {
        const struct worker_setup *in;
        void *out;
    } arg = {.in = setup}; /* read only in the thread, too */

    return zactor_new(work, arg.out);
}

void worker_scan(zactor_t *worker, const char *path)
{
    zstr_send(worker, path);
}

int worker_read(zactor_t *worker, struct worker_report *ret)
{
    int event = 0;

    ret->text = NULL;
    if (!(zsock_events(worker) & ZMQ_POLLIN) ||
        zsock_recv(worker, "i8s", &event, &ret->number, &ret->text) < 0)
        return 0;
    ret->event = (enum worker_event)event;
    return 1;
}
