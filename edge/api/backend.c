/* Composes the bus side: links hears the routers, repair mends what they missed, query asks
 * persist, outbox and interest do the work. */
#include "edge/api/backend.h"

#include <stdlib.h>

#include "base/log.h"
#include "edge/api/repair.h"

struct backend {
    struct pipes *pipes;
    struct pipes *own; /* the same, when made here */
    const struct interest_ops *ops;
    void *arg;
    struct query *query;
    struct links *links;
    struct outbox *outbox;
    struct interest *interest;
    struct repair *repair;
    uint64_t *unanswered, *conversations, *users;
};

static void on_repair(void *arg, uint64_t partitions)
{
    struct backend *self = arg;

    repair_want(self->repair, partitions);
}

static void on_revoked(struct backend *self, const struct bus_frame *frame)
{
    struct wire_revoked revoked;

    if (wire_revoked_decode(frame->body, &revoked) == 0)
        self->ops->revoked(self->arg, &revoked.user, &revoked.session);
}

static void on_frame(void *arg, const struct bus_frame *frame)
{
    struct backend *self = arg;

    switch (frame->head.type) {
    case WIRE_TYPE_ANSWER:
        outbox_on_answer(self->outbox, frame);
        break;
    case WIRE_TYPE_DELIVER:
        interest_on_deliver(self->interest, frame);
        break;
    case WIRE_TYPE_GAP:
        outbox_on_gap(self->outbox, frame);
        break;
    case WIRE_TYPE_INTERESTED:
        interest_on_interested(self->interest, frame);
        break;
    case WIRE_TYPE_REVOKED:
        on_revoked(self, frame);
        break;
    default:
        log_debug("a router sent something unknown", "type=%u", frame->head.type);
    }
}

static const struct links_ops links_ops = {on_repair, on_frame};

static void on_holders(void *arg, struct wire_list holdings)
{
    struct backend *self = arg;

    links_learn(self->links, holdings);
}

static void on_tick(void *arg)
{
    struct backend *self = arg;

    query_tick(self->query);
    links_tick(self->links);
    repair_tick(self->repair);
    outbox_tick(self->outbox);
    interest_tick(self->interest);
    *self->unanswered = outbox_unanswered(self->outbox);
    *self->conversations = interest_conversations(self->interest);
    *self->users = interest_users(self->interest);
}

static void on_turn(void *arg)
{
    struct backend *self = arg;

    interest_turn(self->interest);
}

static int make_parts(struct backend *self, const struct backend_limits *limits)
{
    struct interest_spec interest = {
        .pipes = self->pipes, .ops = self->ops, .arg = self->arg, .limits = limits->interest};
    struct repair_spec repair = {.pipes = self->pipes, .ops = self->ops, .arg = self->arg};
    int rc = query_new(&self->query, self->pipes, limits->queries, limits->query_ms);

    if (rc == 0)
        rc = links_new(&self->links, self->pipes, &links_ops, self);
    if (rc == 0)
        rc = outbox_new(&self->outbox, self->pipes, self->links, &limits->outbox);
    interest.query = repair.query = self->query;
    interest.links = self->links;
    if (rc == 0)
        rc = interest_new(&self->interest, &interest);
    repair.outbox = self->outbox;
    repair.interest = self->interest;
    return rc == 0 ? repair_new(&self->repair, &repair) : rc;
}

int backend_new_on(struct backend **ret, struct pipes *pipes, const struct backend_limits *limits,
                   const struct interest_ops *ops, void *arg)
{
    AUTO(backend_free) struct backend *self = NEW(struct backend);
    int rc;

    self->pipes = pipes;
    self->ops = ops;
    self->arg = arg;
    self->unanswered = stat_counter(pipes->stats, "frames_unanswered");
    self->conversations = stat_counter(pipes->stats, "conversations_followed");
    self->users = stat_counter(pipes->stats, "users_followed");
    rc = make_parts(self, limits);
    if (rc < 0)
        return rc;
    query_on_holders(self->query, on_holders, self);
    pipes->arg = self;
    pipes->on_tick = on_tick;
    pipes->on_turn = on_turn;
    *ret = TAKE(self);
    return 0;
}

static struct backend_limits read_limits(struct conf *conf)
{
    return (struct backend_limits){
        .queries = (size_t)conf_number(conf, "edge/queries"),
        .query_ms = (uint64_t)conf_number(conf, "edge/query_ms"),
        .outbox = {.most = (size_t)conf_number(conf, "edge/unanswered"),
                   .most_per_partition = (size_t)conf_number(conf, "edge/unanswered_per_partition"),
                   .answer_ms = (uint64_t)conf_number(conf, "edge/answer_ms")},
        .interest = {.follows = (size_t)conf_number(conf, "edge/follows"),
                     .join_ms = (uint64_t)conf_number(conf, "edge/join_ms")},
    };
}

int backend_new(struct backend **ret, struct service *service, uv_loop_t *loop,
                const struct interest_ops *ops, void *arg)
{
    AUTO(pipes_free) struct pipes *pipes = NULL;
    struct backend_limits limits = read_limits(service_conf(service));
    struct backend *self = NULL;
    int rc = pipes_new(&pipes, service, loop);

    if (rc == 0)
        rc = backend_new_on(&self, pipes, &limits, ops, arg);
    if (rc < 0)
        return rc;
    self->own = TAKE(pipes);
    *ret = self;
    return 0;
}

void backend_free(struct backend **self)
{
    struct backend *it = TAKE(*self);

    if (!it)
        return;
    it->pipes->on_tick = it->pipes->on_turn = NULL;
    if (it->query)
        query_stop(it->query);
    if (it->outbox)
        outbox_stop(it->outbox);
    repair_free(&it->repair);
    interest_free(&it->interest);
    outbox_free(&it->outbox);
    links_free(&it->links);
    query_free(&it->query);
    pipes_free(&it->own);
    free(it);
}

struct query *backend_query(struct backend *self)
{
    return self->query;
}

struct outbox *backend_outbox(struct backend *self)
{
    return self->outbox;
}

struct interest *backend_interest(struct backend *self)
{
    return self->interest;
}

void backend_keep_revocations(struct backend *self, uint64_t ms)
{
    repair_keep_revocations(self->repair, ms);
}

const char *backend_tokens_trouble(const struct backend *self)
{
    return repair_trouble(self->repair);
}

const char *backend_trouble(struct backend *self)
{
    const char *trouble = query_trouble(self->query);

    if (!trouble)
        trouble = links_trouble(self->links);
    return trouble ? trouble : backend_tokens_trouble(self);
}
