/* Epochs: claims are inserts, so that of two who want the same one only one has it. A lease only
 * says when another may try; what makes the old holder harmless is the higher epoch. */
#include "persist/fence.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define CLAIM_TRIES 20
#define NOBODY 0 /* index of who holds what was never claimed */

/* ---- holders ---- */

static bool is_named(const struct fence_holder *holder, struct wire_bytes name)
{
    return wire_bytes_equal(wire_text(holder->name), name);
}

/* One that holds nothing any more makes room, so there always is some. */
static uint8_t find_holder(struct fence *self, struct wire_bytes name)
{
    bool used[FENCE_HOLDERS_MAX] = {true};
    uint8_t at = 1;

    for (uint8_t i = 1; i < FENCE_HOLDERS_MAX; i++)
        if (is_named(&self->holders[i], name))
            return i;
    for (size_t p = 0; p < ID_PARTITIONS; p++)
        used[self->holder[p]] = true;
    while (at < FENCE_HOLDERS_MAX - 1 && used[at])
        at++;
    snprintf(self->holders[at].name, sizeof self->holders[at].name, "%.*s", (int)name.len,
             name.len ? (const char *)name.data : "");
    return at;
}

/* A claim is a sign of life, too. */
static void note_claim(struct fence *self, const struct wire_holding *holding, uint64_t boot)
{
    size_t p = holding->partition;

    self->claimed[p] = holding->epoch;
    self->boots[p] = boot;
    self->holder[p] = find_holder(self, holding->holder);
    self->holders[self->holder[p]].heard_ms = self->turned_ms;
}

static bool raise_claimed(void *arg, const struct wire_holding *holding)
{
    struct fence *self = arg;
    size_t p = holding->partition;

    if (p < ID_PARTITIONS && holding->epoch > self->claimed[p])
        note_claim(self, holding, 0);
    return true;
}

static int look_up(struct fence *self)
{
    return self->store->ops->holdings(self->store, WIRE_ROUTER, raise_claimed, self);
}

/* ---- time ---- */

static void begin_anew(struct fence *self)
{
    for (size_t i = 0; i < FENCE_HOLDERS_MAX; i++)
        self->holders[i].heard_ms = self->turned_ms;
}

void fence_turn(struct fence *self)
{
    uint64_t now_ms = clock_monotonic_ms();
    bool was_away = now_ms - self->turned_ms > self->lease_ms / 2;

    self->turned_ms = now_ms;
    if (was_away)
        begin_anew(self);
}

int fence_open(struct fence *self, struct store *store)
{
    int rc;

    self->store = store;
    self->turned_ms = clock_monotonic_ms();
    rc = look_up(self);
    for (size_t p = 0; p < ID_PARTITIONS && rc == 0; p++)
        if (self->claimed[p] > self->epochs[p])
            self->epochs[p] = self->claimed[p];
    self->turned_ms = clock_monotonic_ms();
    begin_anew(self);
    return rc;
}

/* ---- writing ---- */

bool fence_owns(const struct fence *self, const struct id *id)
{
    return self->partitions >> id_partition(id) & 1;
}

int fence_pass(struct fence *self, unsigned partition, uint32_t epoch)
{
    int rc = 0;

    fence_turn(self);
    if (partition >= ID_PARTITIONS || !(self->partitions >> partition & 1) ||
        epoch < self->epochs[partition])
        return -ESTALE;
    if (epoch > self->claimed[partition])
        rc = look_up(self);
    if (rc < 0)
        return rc;
    if (epoch > self->claimed[partition])
        return -ESTALE;
    self->epochs[partition] = epoch;
    if (epoch == self->claimed[partition])
        self->holders[self->holder[partition]].heard_ms = self->turned_ms;
    return 0;
}

/* ---- claiming ---- */

struct claimer {
    const struct wire_claim *claim;
    uint64_t boot;
};

/* What this process was given already: its answer came too late, or was lost. */
static void add_own(const struct fence *self, const struct claimer *claimer, uint64_t *mask,
                    struct buf *list, uint32_t *count)
{
    for (unsigned p = 0; p < ID_PARTITIONS; p++) {
        struct wire_holding holding = {(uint16_t)p, self->claimed[p], WIRE_ROUTER,
                                       claimer->claim->holder};

        if (!(*mask >> p & 1) || self->boots[p] != claimer->boot ||
            !is_named(&self->holders[self->holder[p]], claimer->claim->holder))
            continue;
        wire_holding_add(list, count, &holding);
        *mask &= ~(1ull << p);
    }
}

static bool may_have(const struct fence *self, const struct wire_claim *claim, unsigned partition)
{
    const struct fence_holder *holder = &self->holders[self->holder[partition]];

    if (self->holder[partition] == NOBODY && claim->partitions >> partition & 1)
        return true;
    if (self->holder[partition] != NOBODY && is_named(holder, claim->holder))
        return true;
    return self->turned_ms - holder->heard_ms >= self->lease_ms;
}

/* Claims what it may of *mask, as far as nobody is faster: -EEXIST when somebody was. */
static int claim_round(struct fence *self, const struct claimer *claimer, uint64_t *mask,
                       struct buf *list, uint32_t *count)
{
    struct wire_holding holdings[ID_PARTITIONS];
    size_t wanted = 0;
    uint64_t taken = 0;
    int rc;

    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (*mask >> p & 1)
            holdings[wanted++] = (struct wire_holding){(uint16_t)p, self->claimed[p] + 1,
                                                       WIRE_ROUTER, claimer->claim->holder};
    rc = wanted ? self->store->ops->claim(self->store, holdings, wanted, &taken) : 0;
    for (size_t i = 0; i < wanted && rc == 0; i++) {
        if (taken >> i & 1)
            continue;
        wire_holding_add(list, count, &holdings[i]);
        note_claim(self, &holdings[i], claimer->boot);
        *mask &= ~(1ull << holdings[i].partition);
    }
    return rc == 0 && taken ? -EEXIST : rc;
}

/* Decided at once for all, since a claim is a sign of life of its holder for all that it holds. */
static uint64_t all_it_may_have(const struct fence *self, const struct wire_claim *claim,
                                uint64_t mask)
{
    uint64_t may = 0;

    for (unsigned p = 0; p < ID_PARTITIONS; p++)
        if (mask >> p & 1 && may_have(self, claim, p))
            may |= 1ull << p;
    return may;
}

int fence_claim(struct fence *self, const struct wire_claim *claim, uint64_t boot, struct buf *list,
                uint32_t *count)
{
    struct claimer claimer = {claim, boot};
    uint64_t mask = (claim->partitions | claim->standby) & self->partitions;
    int rc = 0;

    fence_turn(self);
    if (boot)
        add_own(self, &claimer, &mask, list, count);
    for (int i = 0; i < CLAIM_TRIES; i++) {
        mask = all_it_may_have(self, claim, mask);
        rc = claim_round(self, &claimer, &mask, list, count);
        if (rc != -EEXIST)
            return rc;
        rc = look_up(self);
        if (rc < 0)
            return rc;
    }
    return -EAGAIN;
}
