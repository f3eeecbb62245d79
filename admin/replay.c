/* Which posts are pushed, and what must be answered. A post is asked again only where that leaves
 * no mark: its number is beyond the store's log, or so near its end that the router must remember.
 */
#include "admin/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "admin/pipeline.h"
#include "admin/why.h"

void replay_differ(struct replay *self, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (self->counts.differences++ < REPLAY_SHOWN_MAX)
        fprintf(stderr, "difference: %s\n", text);
    else if (self->counts.differences == REPLAY_SHOWN_MAX + 1)
        fprintf(stderr, "… further ones are only counted\n");
}

/* ---- answers ---- */

/* Whether a repeat came before or after its first try was stored is a matter of time. */
static unsigned normal(uint8_t status)
{
    return status == WIRE_DUPLICATE ? WIRE_OK : status;
}

static void compare(struct replay *self, const struct story_post *post,
                    const struct wire_answer *expected, const struct wire_answer *answer)
{
    char text[ID_TEXT];
    bool same = normal(expected->status) == normal(answer->status) && expected->seq == answer->seq;

    if (same && expected->status == WIRE_OK && answer->status == WIRE_OK)
        same = expected->messages == answer->messages &&
               (expected->at_ms == answer->at_ms || expected->at_ms == 0);
    if (same)
        return;
    id_to_text(&self->story->conversations[post->conversation]->id, text);
    replay_differ(self,
                  "%s, post at byte %" PRIu64 ": was answered %s %" PRIu64 ", now %s %" PRIu64,
                  text, post->offset, pipeline_status_name(expected->status), expected->seq,
                  pipeline_status_name(answer->status), answer->seq);
}

void replay_on_answer(void *arg, uint32_t tag, const struct wire_answer *answer)
{
    struct replay *self = arg;
    const struct story_post *post = &self->story->posts[tag];
    struct wire_answer expected = {
        .status = post->status, .seq = post->seq, .messages = post->messages};

    self->targets[post->conversation].flying--;
    if (post->numbered && !post->voided) {
        if (!post->answered || post->status != WIRE_OK)
            expected.status = WIRE_DUPLICATE; /* nothing else is known of it */
        expected.seq = post->place;
    }
    self->counts.answered++;
    compare(self, post, &expected, answer);
}

/* ---- posts ---- */

enum fate { PUSH, PUSH_AGAIN, STANDING, PASSED, SKIP };

static enum fate fate_of(const struct replay *self, const struct story_post *post)
{
    uint64_t head = self->targets[post->conversation].head;

    if (post->skipped)
        return SKIP;
    if (!post->numbered)
        return post->place < head ? PASSED : PUSH;
    if (post->place > head)
        return PUSH;
    if (post->voided || post->weak || post->place + REPLAY_AGAIN <= head)
        return STANDING;
    return PUSH_AGAIN;
}

static void count_fate(struct replay *self, enum fate fate)
{
    self->counts.pushed += fate == PUSH || fate == PUSH_AGAIN;
    self->counts.again += fate == PUSH_AGAIN;
    self->counts.standing += fate == STANDING;
    self->counts.passed += fate == PASSED;
    self->counts.skipped += fate == SKIP;
}

/* From the event that the store has of it. */
static int make_post(struct wire_head *head, struct wire_bytes *body, struct buf *made)
{
    struct wire_deliver deliver;
    struct wire_event event;

    if (wire_deliver_decode(*body, &deliver) < 0 || wire_event_decode(deliver.event, &event) < 0)
        return -EPROTO;
    head->type = WIRE_TYPE_POST;
    head->at_ms = event.at_ms;
    wire_post_encode(made, &(struct wire_post){.conversation = event.conversation,
                                               .kind = event.kind,
                                               .actor = event.actor,
                                               .client_id = event.client_id,
                                               .fingerprint = event.fingerprint,
                                               .body = event.body});
    *body = wire_buf(made);
    return 0;
}

static int push(struct replay *self, uint32_t at, char **ret_why)
{
    AUTO(buf_done) struct buf made;
    const struct story_post *post = &self->story->posts[at];
    struct recording_record record;
    struct wire_head head;
    struct wire_bytes body;

    buf_init(&made, WIRE_FRAME_MAX);
    if (recording_read_at(self->reader, post->offset, &record) != 1 ||
        wire_head_decode(record.content, &head, &body) < 0 ||
        (post->stored && make_post(&head, &body, &made) < 0))
        return why_say(ret_why, -EIO, "the recording changed while it was read");
    self->targets[post->conversation].flying++;
    feeder_post(self->feeder, &head, body, at);
    return 0;
}

static bool has_room(const struct replay *self, const struct story_post *post)
{
    const struct id *id = &self->story->conversations[post->conversation]->id;

    return self->targets[post->conversation].flying < REPLAY_PER_CONVERSATION &&
           feeder_has_room(self->feeder, id_partition(id));
}

bool replay_is_pushed(const struct replay *self)
{
    return self->next == self->story->post_count;
}

int replay_push(struct replay *self, uint64_t until_us, char **ret_why)
{
    while (!replay_is_pushed(self)) {
        uint32_t at = self->story->order[self->next];
        const struct story_post *post = &self->story->posts[at];
        enum fate fate = fate_of(self, post);

        if (fate == PUSH || fate == PUSH_AGAIN) {
            if (self->story->posts[self->next].at_us > until_us || !has_room(self, post))
                return 0;
            if (push(self, at, ret_why) < 0)
                return -EIO;
        }
        count_fate(self, fate);
        self->next++;
    }
    return 0;
}
