/* The keys of the bus between hosts: CurveZMQ (ZeroMQ RFC 26), one certificate per daemon in the
 * format of czmq's zcert, all in one folder (bus/keys): NAME.cert is public and stands on every
 * host, NAME.cert_secret stays where NAME runs. A key that is in no certificate of the folder is
 * refused (ZAP, RFC 27). One identity per process. */
#pragma once

#include <czmq.h>

#include "base/base.h"

/* From now on this process is `name`, which must have its secret in the folder. -ENOKEY and a
 * sentence in *ret_why (free()) when it has not. Repeating it is harmless. */
int curve_start(const char *folder, const char *name, char **ret_why) MUST_CHECK;
void curve_stop(void);

/* Before a socket is bound or connected; -ENOKEY: curve_start was not called, or the folder has no
 * certificate of that peer. */
int curve_serve(zsock_t *sock) MUST_CHECK;
int curve_reach(zsock_t *sock, const char *peer) MUST_CHECK;

/* Makes a key pair for `name` unless the folder, which is made as well, has one: 1; 0: it was there
 * (maybe only its public half, from another host); or a negative errno. */
int curve_make(const char *folder, const char *name) MUST_CHECK;
