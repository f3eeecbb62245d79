/* An event as a webhook gets it: {"event":{…}}, with the members that the protocol gives a client's
 * `event`. */
#pragma once

#include "base/wire.h"

/* The text (free()). NULL: no message.created, or one whose body cannot be read. */
char *event_json_of_message(const struct wire_event *event);
