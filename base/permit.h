/* Who may send what: over tcp the sender of a frame is the one whose key the connection proved, and
 * its role says which messages are its own. On ipc whoever is let in is trusted. */
#pragma once

#include "base/wire.h"

/* name: of the key's owner ("edge.2"). Whether its role may send such a frame to somebody's socket;
 * the operator's command alone may speak in another's name. */
bool permit_allows(const char *name, const struct wire_head *head);
