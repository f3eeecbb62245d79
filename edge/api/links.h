/* The routers: who holds which partition at which epoch, a PUSH and a DEALER to each of them, the
 * numbered stream that comes back. Notices every hole in it. */
#pragma once

#include "edge/api/pipe.h"

#define LINKS_MAX 64 /* routers */

struct links;

struct links_ops {
    /* What came from the router of these partitions has a hole, or it is new to us, or the
     * partitions are new to it: repair them. */
    void (*repair)(void *arg, uint64_t partitions);
    /* A frame of a stream, in order: interested, answer, deliver, gap, revoked. */
    void (*frame)(void *arg, const struct bus_frame *frame);
};

/* ops, arg and pipes are borrowed. */
int links_new(struct links **ret, struct pipes *pipes, const struct links_ops *ops, void *arg)
    MUST_CHECK;
void links_free(struct links **self);

/* Who holds what (records `holding`): the highest epoch of a partition counts. Routers that hold
 * nothing any more are left. */
void links_learn(struct links *self, struct wire_list holdings);

/* Which router takes frames of this partition now (0 … LINKS_MAX−1), or −1: none that welcomed us
 * and is heard. */
int links_router(const struct links *self, unsigned partition);
/* 0 while nobody holds it. */
uint32_t links_epoch(const struct links *self, unsigned partition);

/* Sends a frame to the router that links_router names, as bus_send: client events, … */
int links_post(struct links *self, unsigned partition, const struct buf *frame) MUST_CHECK;
/* … and interest. */
int links_say(struct links *self, unsigned partition, const struct buf *frame) MUST_CHECK;

/* NULL when every partition has a router that welcomed us and is heard; else what is wrong. */
const char *links_trouble(struct links *self);

/* Tells the routers that we are here, every 250 ms. */
void links_tick(struct links *self);
