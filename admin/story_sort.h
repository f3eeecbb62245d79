/* The second half of reading a recording: which post got which number, and in what order that was.
 * For story.c alone. */
#pragma once

#include "admin/story.h"

/* Of a name (an actor's client id in a conversation): what is known when all was read. */
struct story_name {
    uint64_t seq;    /* its event's number; 0: none is known */
    uint64_t at_ms;  /* of its event; 0: nobody has told it. Tries by other ways have other times */
    uint32_t router; /* the one that answered `ok`, + 1; 0: none did */
    bool owned;      /* the post that got the number is found */
};

void story_add_post(struct story *self, const struct story_post *post);
void story_sort(struct story *self, struct story_name *names);
