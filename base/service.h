/* The skeleton of every daemon: flags (-c FILE -n NAME -t -v -V -h), configuration, log, signals,
 * readiness, counters and the control socket through which the admin command asks. It runs a zloop;
 * a daemon with a loop of its own (edge) polls service_control() there and calls
 * service_on_control(). */
#pragma once

#include <czmq.h>

#include "base/bus.h"
#include "base/conf.h"
#include "base/stat.h"
#include "base/topology.h"
#include "base/wire.h"

struct service;

/* What a daemon is: its role ("router"; also its default name), one line of help, its keys (the
 * shared ones, of bus, are added), all borrowed. */
struct service_spec {
    const char *role;
    const char *summary;
    const struct conf_key *keys;
};

/* Parses the flags, reads the configuration, opens the control socket. Returns 0; or 1 when -h, -V
 * or -t have been answered and there is nothing more to do; or a negative errno, having said on
 * stderr why. */
int service_new(struct service **ret, const struct service_spec *spec, int argc, char **argv)
    MUST_CHECK;
void service_free(struct service **self);

struct conf *service_conf(struct service *self);
const struct topology *service_topology(struct service *self);
struct stat_set *service_stats(struct service *self);
zloop_t *service_loop(struct service *self); /* made at the first call */
const char *service_name(struct service *self);
uint64_t service_boot(struct service *self); /* random per start */

/* A header for a frame of this daemon: sender, boot and the given type filled in, all else zero. */
struct wire_head service_head(struct service *self, enum wire_type type);

/* What `status` says: not ready (with the reason, kept as a copy) until it is called with NULL. */
void service_set_health(struct service *self, const char *trouble);
/* What it says of itself while it is ready (kept as a copy), "" at first. */
void service_set_note(struct service *self, const char *note);

/* Called for each control request other than `status`; answers it, now or later, by service_reply.
 */
typedef void service_command_fn(void *arg, const struct bus_frame *request);
void service_on_command(struct service *self, service_command_fn *fn, void *arg);
/* Sends a frame to the admin command that asked (a status_reply, say). One that went away is
 * nobody's loss. */
void service_reply(struct service *self, const struct bus_peer *peer, const struct buf *frame);
/* The usual answer: a status_reply with this text. */
void service_reply_status(struct service *self, const struct bus_peer *peer, uint64_t trace,
                          enum wire_result status, const char *detail);

/* For a loop of one's own: the control socket, and what to do when it is readable. */
zsock_t *service_control(struct service *self);
void service_on_control(struct service *self);

/* Runs the zloop until SIGINT or SIGTERM (0) or a handler returns −1 (-ECANCELED). */
int service_run(struct service *self) MUST_CHECK;
