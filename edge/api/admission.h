/* How fast clients may come in. When thousands come at once, because another edge has died, those
 * that are connected must not notice: handshakes beyond a rate are refused, which costs little and
 * after which clients come back by themselves; CONNECTs, which cost more, wait for their turn. */
#pragma once

#include "base/stat.h"
#include "edge/api/list.h"
#include "edge/transport/timers.h"

struct admission;

struct admission_limits {
    uint32_t handshakes_rate, handshakes_burst; /* a second, and at once */
    uint32_t connects_rate;                     /* a second, evenly */
    size_t connecting;                          /* begun and not done */
    size_t waiting;                             /* not begun */
};

/* A CONNECT: embedded in what it is about. Zeroed, it is in no queue. */
struct admission_entry {
    struct list item;
    void (*begin)(struct admission_entry *entry);
    enum { ADMISSION_OUT, ADMISSION_WAITING, ADMISSION_BEGUN } state;
};

/* timers and stats are borrowed. */
void admission_new(struct admission **ret, const struct admission_limits *limits,
                   struct timers *timers, struct stat_set *stats);
/* Entries are forgotten. */
void admission_free(struct admission **self);

/* 0: a handshake may go on. Else it is to be refused; in so many seconds there may be room. */
unsigned admission_handshake(struct admission *self);

/* entry->begin is called when its turn has come, perhaps before this returns; the entry counts as
 * begun until admission_leave. False: the queue is full, send it away. */
bool admission_enter(struct admission *self, struct admission_entry *entry) MUST_CHECK;
/* It is done, or gone; others may begin from in here. Nothing happens when it is out. */
void admission_leave(struct admission *self, struct admission_entry *entry);
/* From now on nobody begins any more. */
void admission_stop(struct admission *self);
