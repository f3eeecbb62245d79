/* Everything at once: random losses, crashes, moves and changes of membership, from a seed; then
 * quiet, and the count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/edge/fake_bus.h"

#define SEEDS 100
#define STEPS 250
#define USERS 6
#define CONVERSATIONS 8
#define SOCKETS 10
#define POSTS 2000
#define OLD_MS 5000  /* by then a membership is known */
#define LATE_MS 1000 /* so soon a removal acts, also where its event was lost */

struct post {
    struct storm *storm;
    struct fake_conversation *conversation;
    unsigned number;
    bool answered; /* ok or duplicate */
    bool open;     /* waits for an answer */
    bool kept;     /* was taken at the first try, so its place is among those before and after */
};

struct storm {
    struct fake *fake;
    unsigned seed;
    uint32_t random;
    struct id users[USERS];
    struct fake_conversation *conversations[CONVERSATIONS];
    uint64_t stored_ms[CONVERSATIONS][FAKE_EVENTS];
    struct fake_socket *sockets[SOCKETS];
    bool joined[SOCKETS];
    uint64_t joined_ms[SOCKETS];
    uint64_t heads[SOCKETS][CONVERSATIONS]; /* when it had joined */
    struct post posts[POSTS];
    size_t post_count;
    unsigned lost;
};

static unsigned pick(struct storm *storm, unsigned most)
{
    storm->random = storm->random * 1664525u + 1013904223u;
    return (storm->random >> 8) % most;
}

static void note_times(struct storm *storm)
{
    for (size_t i = 0; i < CONVERSATIONS; i++)
        for (uint64_t seq = storm->conversations[i]->head; seq > 0; seq--) {
            if (storm->stored_ms[i][seq - 1])
                break;
            storm->stored_ms[i][seq - 1] = clock_monotonic_ms();
        }
}

static void leave(struct storm *storm, unsigned i);

static void drop_lost(struct storm *storm)
{
    for (unsigned i = 0; i < SOCKETS; i++)
        if (storm->sockets[i] && storm->sockets[i]->lost) {
            leave(storm, i);
            storm->lost++;
        }
}

static void note_joins(struct storm *storm)
{
    for (size_t i = 0; i < SOCKETS; i++) {
        if (!storm->sockets[i] || storm->joined[i] || !storm->sockets[i]->told ||
            storm->sockets[i]->joined != WIRE_OK)
            continue;
        storm->joined[i] = true;
        storm->joined_ms[i] = clock_monotonic_ms();
        for (size_t j = 0; j < CONVERSATIONS; j++)
            storm->heads[i][j] = storm->conversations[j]->head;
    }
}

static void run(struct storm *storm, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i += 5) {
        fake_run(storm->fake, 5);
        note_times(storm);
        note_joins(storm);
        drop_lost(storm);
    }
}

/* ---- what may happen ---- */

static void on_answer(void *arg, const struct wire_answer *answer, bool resent)
{
    struct post *post = arg;

    (void)resent;
    assert_true(post->open);
    post->open = false;
    post->answered = answer->status == WIRE_OK || answer->status == WIRE_DUPLICATE;
}

static void send_post(struct storm *storm, struct post *post)
{
    char client_id[20];
    struct wire_post what = {.conversation = post->conversation->id,
                             .kind = WIRE_KIND_MESSAGE_CREATED,
                             .actor = storm->users[0]};

    snprintf(client_id, sizeof client_id, "p%u", post->number);
    what.client_id = wire_text(client_id);
    post->open = outbox_post(backend_outbox(storm->fake->backend), &what, clock_wall_ms(),
                             on_answer, post) > 0;
}

static void post(struct storm *storm)
{
    struct post *next = &storm->posts[storm->post_count];

    if (storm->post_count == POSTS)
        return;
    next->number = (unsigned)storm->post_count++;
    next->conversation = storm->conversations[pick(storm, CONVERSATIONS)];
    send_post(storm, next);
    next->kept = next->open;
}

static bool is_member(const struct fake_conversation *conversation, const struct id *user)
{
    for (size_t i = 0; i < conversation->member_count; i++)
        if (id_equal(&conversation->members[i].user, user) && !conversation->members[i].to)
            return true;
    return false;
}

/* NULL: nobody can store anything there now. */
static struct fake_conversation *some_conversation(struct storm *storm)
{
    struct fake_conversation *it = storm->conversations[pick(storm, CONVERSATIONS)];

    return storm->fake->persist_up && fake_router_of(storm->fake, &it->id)->up ? it : NULL;
}

static void say(struct storm *storm)
{
    struct fake_conversation *conversation = some_conversation(storm);

    if (conversation)
        fake_say(storm->fake, conversation);
}

static void change_member(struct storm *storm)
{
    struct fake_conversation *conversation = some_conversation(storm);
    const struct id *user = &storm->users[pick(storm, USERS)];

    if (!conversation)
        return;
    if (is_member(conversation, user))
        fake_change(storm->fake, conversation, WIRE_KIND_MEMBER_REMOVED, user);
    else if (conversation->member_count < FAKE_MEMBERS)
        fake_change(storm->fake, conversation, WIRE_KIND_MEMBER_ADDED, user);
}

static void come_or_go(struct storm *storm)
{
    unsigned i = pick(storm, SOCKETS);

    if (!storm->sockets[i])
        storm->sockets[i] = fake_socket_new(storm->fake, &storm->users[pick(storm, USERS)]);
    else if (pick(storm, 3) == 0)
        leave(storm, i);
}

static struct fake_router *some_router(struct storm *storm)
{
    return &storm->fake->routers[pick(storm, FAKE_ROUTERS)];
}

/* What it takes now is stored, and nobody hears of it. */
static void crash_after_storing(struct storm *storm, struct fake_router *router)
{
    router->silent = true;
    for (unsigned i = 0; i < 5; i++)
        post(storm);
    run(storm, 10);
    fake_restart(storm->fake, router);
}

static void break_something(struct storm *storm)
{
    struct fake *fake = storm->fake;

    switch (pick(storm, 10)) {
    case 0:
        fake_restart(fake, some_router(storm));
        break;
    case 1:
        some_router(storm)->up = false;
        break;
    case 2:
        fake_claim(fake, some_router(storm), 1ull << pick(storm, CONVERSATIONS));
        break;
    case 3:
        fake->persist_up = !fake->persist_up;
        break;
    case 4:
        fake->persist_boot++;
        break;
    case 5:
        some_router(storm)->knows = false;
        break;
    case 6:
        crash_after_storing(storm, some_router(storm));
        break;
    case 7:
        some_router(storm)->lose_posts = pick(storm, 4);
        break;
    case 8:
        fake->full = !fake->full;
        break;
    default:
        some_router(storm)->lose_stream = pick(storm, 4);
    }
}

static void step(struct storm *storm)
{
    unsigned what = pick(storm, 100);

    if (what < 35)
        say(storm);
    else if (what < 60)
        post(storm);
    else if (what < 75)
        change_member(storm);
    else if (what < 88)
        come_or_go(storm);
    else
        break_something(storm);
    run(storm, pick(storm, 4) ? 5 : 5 + pick(storm, 40) * 10);
}

static void calm_down(struct storm *storm)
{
    storm->fake->persist_up = true;
    storm->fake->full = false;
    for (size_t i = 0; i < FAKE_ROUTERS; i++) {
        struct fake_router *router = &storm->fake->routers[i];

        router->lose_posts = router->lose_stream = 0;
        if (!router->up)
            fake_restart(storm->fake, router);
    }
    run(storm, 15000);
    for (size_t i = 0; i < storm->post_count; i++)
        if (!storm->posts[i].answered && !storm->posts[i].open)
            send_post(storm, &storm->posts[i]); /* as a client does that was told unavailable */
    run(storm, 5000);
}

/* ---- the count ---- */

/* Whether the event was theirs, or came so soon after their removal that the loss of that may
 * excuse it. */
static bool may_see(struct storm *storm, size_t conversation, const struct id *user, uint64_t seq)
{
    const struct fake_conversation *it = storm->conversations[conversation];

    for (size_t i = 0; i < it->member_count; i++) {
        const struct wire_member *member = &it->members[i];

        if (!id_equal(&member->user, user) || seq < member->from)
            continue;
        if (!member->to || seq <= member->to ||
            storm->stored_ms[conversation][seq - 1] <=
                storm->stored_ms[conversation][member->to - 1] + LATE_MS)
            return true;
    }
    return false;
}

/* What a socket got of one conversation. */
struct got {
    bool seen[FAKE_EVENTS + 1];
    uint64_t last;
};

static struct got read_got(struct storm *storm, unsigned i, size_t conversation)
{
    const struct fake_socket *socket = storm->sockets[i];
    struct got got = {.last = 0};

    for (size_t k = 0; k < socket->count; k++) {
        uint64_t seq = socket->seen[k].seq;

        if (!id_equal(&socket->seen[k].conversation, &storm->conversations[conversation]->id))
            continue;
        if (seq <= got.last || !may_see(storm, conversation, &socket->user, seq))
            fail_msg("seed %u: socket %u of conversation %zu got %u after %u", storm->seed, i,
                     conversation, (unsigned)seq, (unsigned)got.last);
        got.last = seq;
        got.seen[seq] = true;
    }
    return got;
}

/* Everything of a membership after the join and up to `until` must be there; but one that began
 * when the socket joined or later and has ended may be missing whole: all of it may have been lost,
 * and then only a sync tells. */
static void check_membership(struct storm *storm, unsigned i, size_t conversation,
                             const struct wire_member *member, const struct got *got,
                             uint64_t until)
{
    uint64_t from = storm->heads[i][conversation] + 1;
    uint64_t to = member->to && member->to < until ? member->to : until;
    bool any = !member->to ||
               (member->from < from &&
                storm->stored_ms[conversation][member->from - 1] + OLD_MS <= storm->joined_ms[i]);

    if (from < member->from)
        from = member->from;
    for (uint64_t seq = from; seq <= to; seq++)
        any = any || got->seen[seq];
    for (uint64_t seq = from; any && seq <= to; seq++)
        if (!got->seen[seq])
            fail_msg("seed %u: socket %u of conversation %zu missed %u", storm->seed, i,
                     conversation, (unsigned)seq);
}

/* at_rest: nothing is on its way any more. */
static void check_socket(struct storm *storm, unsigned i, bool at_rest)
{
    for (size_t j = 0; j < CONVERSATIONS; j++) {
        const struct fake_conversation *conversation = storm->conversations[j];
        struct got got = read_got(storm, i, j);

        for (size_t k = 0; storm->joined[i] && k < conversation->member_count; k++)
            if (id_equal(&conversation->members[k].user, &storm->sockets[i]->user))
                check_membership(storm, i, j, &conversation->members[k], &got,
                                 at_rest ? conversation->head : got.last);
    }
}

static void leave(struct storm *storm, unsigned i)
{
    check_socket(storm, i, false);
    fake_socket_free(&storm->sockets[i]);
    storm->joined[i] = false;
}

/* The number under which the post stands in its log. */
static uint64_t find_post(struct storm *storm, const struct post *post)
{
    char client_id[20];
    uint64_t found = 0;

    snprintf(client_id, sizeof client_id, "p%u", post->number);
    for (uint64_t seq = 1; seq <= post->conversation->head; seq++) {
        struct wire_event event;

        assert_int_equal(wire_event_decode(wire_buf(&post->conversation->events[seq - 1]), &event),
                         0);
        if (!wire_bytes_equal(event.client_id, wire_text(client_id)))
            continue;
        if (found)
            fail_msg("seed %u: post %u stands there twice", storm->seed, post->number);
        found = seq;
    }
    return found;
}

/* Each post stands in its log once and was answered; those of one conversation in their order. */
static void check_posts(struct storm *storm)
{
    uint64_t last[CONVERSATIONS] = {0};

    for (size_t i = 0; i < storm->post_count; i++) {
        const struct post *it = &storm->posts[i];
        size_t conversation = it->conversation->id.bytes[0];
        uint64_t seq = find_post(storm, it);

        if (!it->answered || !seq)
            fail_msg("seed %u: post %u was %s and %s", storm->seed, it->number,
                     it->answered ? "answered" : "not answered", seq ? "stored" : "not stored");
        if (it->kept && seq < last[conversation])
            fail_msg("seed %u: post %u overtook another", storm->seed, it->number);
        if (it->kept)
            last[conversation] = seq;
    }
}

static void storm_of(unsigned seed)
{
    struct storm *storm = NEW(struct storm);

    storm->seed = storm->random = seed;
    storm->fake = fake_new(&fake_limits);
    for (unsigned i = 0; i < USERS; i++)
        storm->users[i] = fake_id(100 + i);
    for (unsigned i = 0; i < CONVERSATIONS; i++)
        storm->conversations[i] =
            fake_converse(storm->fake, i, &storm->users[i % USERS], 1 + i % (USERS - i % USERS));
    run(storm, 1000);
    for (unsigned i = 0; i < STEPS; i++)
        step(storm);
    calm_down(storm);
    check_posts(storm);
    assert_int_equal(outbox_unanswered(backend_outbox(storm->fake->backend)), 0);
    for (unsigned i = 0; i < SOCKETS; i++)
        if (storm->sockets[i]) {
            check_socket(storm, i, true);
            leave(storm, i);
        }
    if (storm->lost)
        print_message("seed %u: %u sockets lost\n", seed, storm->lost);
    run(storm, 7000);
    assert_int_equal(interest_users(backend_interest(storm->fake->backend)), 0);
    assert_int_equal(interest_conversations(backend_interest(storm->fake->backend)), 0);
    fake_free(&storm->fake);
    free(storm);
}

static void
test_through_any_storm_all_that_is_theirs_reaches_members_once_and_in_order(void **state)
{
    const char *only = getenv("PARLEY_TEST_SEED");

    (void)state;
    if (only) {
        storm_of((unsigned)atoi(only));
        return;
    }
    for (unsigned seed = 1; seed <= SEEDS; seed++)
        storm_of(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_through_any_storm_all_that_is_theirs_reaches_members_once_and_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
