/* Between interest, which hands out events, and the sockets: who is behind, and what follows. */
#include "edge/api/reader.h"

#include <stdlib.h>

#define MARKS 1000 /* beyond, an event may come that an answer has told */

struct held {
    struct held *next;
    struct reader_event event; /* with a reference of its own */
};

struct mark {
    struct mark *next;
    struct id conversation;
    uint64_t seq;
    bool ahead; /* not all of it has been handed out */
};

struct catch_up {
    uint64_t call; /* of `sync`, that is being answered; 0: none */
    struct held *first, **end;
    size_t count, bytes;
};

/* ---- the list ---- */

static size_t size_of(const struct held *held)
{
    size_t len;

    payload_frame(held->event.payload, &len);
    return len;
}

static void drop(struct catch_up *self, struct held **at)
{
    struct held *held = *at;

    *at = held->next;
    if (!held->next)
        self->end = at;
    self->count--;
    self->bytes -= size_of(held);
    payload_unref(&held->event.payload);
    free(held);
}

static void drop_all(struct catch_up *self)
{
    while (self->first)
        drop(self, &self->first);
}

static void append(struct catch_up *self, const struct reader_event *event)
{
    struct held *held = NEW(struct held);

    held->event = *event;
    payload_ref(held->event.payload);
    *self->end = held;
    self->end = &held->next;
    self->count++;
    self->bytes += size_of(held);
}

static struct catch_up *catch_up_new(void)
{
    struct catch_up *self = NEW(struct catch_up);

    self->end = &self->first;
    return self;
}

static void catch_up_free(struct catch_up **self)
{
    struct catch_up *it = TAKE(*self);

    if (!it)
        return;
    drop_all(it);
    free(it);
}

/* ---- marks ---- */

static void set_mark(struct mark **at, const struct reader_told *told)
{
    struct mark *mark = NEW(struct mark);

    *mark = (struct mark){*at, told->conversation, told->seq, told->seq > told->seen};
    *at = mark;
}

static void drop_mark(struct mark **at)
{
    struct mark *mark = *at;

    *at = mark->next;
    free(mark);
}

static void drop_marks(struct mark **list)
{
    while (*list)
        drop_mark(list);
}

/* The place of the conversation's, or the end. */
static struct mark **find_mark(struct mark **list, const struct id *conversation)
{
    while (*list && !id_equal(&(*list)->conversation, conversation))
        list = &(*list)->next;
    return list;
}

static void keep_mark(struct reader *self, struct mark *mark)
{
    struct mark *known = *find_mark(&self->marks, &mark->conversation);

    if (known || !mark->ahead || self->mark_count == MARKS) {
        if (known && known->seq < mark->seq)
            known->seq = mark->seq;
        free(mark);
        return;
    }
    mark->next = self->marks;
    self->marks = mark;
    self->mark_count++;
}

static bool is_told(struct reader *self, const struct reader_event *event)
{
    struct mark **at = find_mark(&self->marks, &event->conversation);
    bool told = *at && event->seq <= (*at)->seq;

    if (*at && event->seq >= (*at)->seq) {
        drop_mark(at);
        self->mark_count--;
    }
    return told;
}

/* ---- readers ---- */

void readers_init(struct readers *self, const struct reader_ops *ops, struct stat_set *stats)
{
    self->ops = ops;
    self->resyncs = stat_counter(stats, "resyncs");
    self->withheld = stat_counter(stats, "events_withheld");
}

void reader_init(struct reader *self, struct readers *readers, void *socket)
{
    *self = (struct reader){.readers = readers, .socket = socket};
}

void reader_done(struct reader *self)
{
    catch_up_free(&self->behind);
    drop_marks(&self->marks);
    drop_marks(&self->telling);
}

static void begin(struct reader *self, uint64_t call)
{
    drop_all(self->behind);
    self->behind->call = call;
}

/* Whatever `sync` is being answered, another one is due. */
void reader_fall_behind(struct reader *self, enum reader_cause cause)
{
    if (!self->behind)
        self->behind = catch_up_new();
    begin(self, 0);
    (*self->readers->resyncs)++;
    self->readers->ops->resync(self->socket, cause);
}

static void hold(struct reader *self, const struct reader_event *event)
{
    const struct readers *readers = self->readers;
    struct catch_up *behind = self->behind;

    if (behind->call && behind->count < readers->hold_events &&
        behind->bytes < readers->hold_bytes && !payload_is_scarce()) {
        append(behind, event);
        return;
    }
    (*readers->withheld)++;
    if (behind->call)
        reader_fall_behind(self, READER_SLOW);
}

void reader_send(struct reader *self, const struct reader_event *event)
{
    if (self->behind)
        hold(self, event);
    else if (!self->marks || !is_told(self, event))
        self->readers->ops->send(self->socket, event->payload);
}

uint64_t reader_on_sync(struct reader *self)
{
    if (!self->behind)
        return 0;
    begin(self, ++self->readers->calls);
    return self->behind->call;
}

void reader_on_told(struct reader *self, const struct reader_told *told)
{
    set_mark(&self->telling, told);
}

/* Held is what came since the call: of that, what the answer tells is not sent again. */
static void drop_told(struct reader *self)
{
    struct held **at = self->behind ? &self->behind->first : NULL;

    while (at && *at) {
        const struct reader_event *event = &(*at)->event;
        const struct mark *mark = *find_mark(&self->telling, &event->conversation);

        if (mark && event->seq <= mark->seq)
            drop(self->behind, at);
        else
            at = &(*at)->next;
    }
}

static void keep_marks(struct reader *self)
{
    struct mark *mark;

    while ((mark = self->telling) != NULL) {
        self->telling = mark->next;
        keep_mark(self, mark);
    }
}

/* In the middle it may fall behind again. */
static void send_held(struct reader *self)
{
    AUTO(catch_up_free) struct catch_up *held = TAKE(self->behind);

    for (; held->first && !self->behind; drop(held, &held->first))
        reader_send(self, &held->first->event);
}

void reader_on_answered(struct reader *self, uint64_t call, enum reader_answer answer)
{
    bool waits = call && self->behind && self->behind->call == call;

    if (answer == READER_FAILED)
        drop_marks(&self->telling);
    drop_told(self);
    keep_marks(self);
    if (waits && answer == READER_COMPLETE)
        send_held(self);
    else if (waits)
        begin(self, 0);
}
