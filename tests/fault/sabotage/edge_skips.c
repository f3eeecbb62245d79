/* An edge that skips: one event in 200 does not reach the sockets here. */
#include "edge/socketio/socketio.h"
#include "tests/fault/sabotage/chance.h"

#define ONE_IN 200

static const struct payload *skipped;

struct payload *__real_socketio_make(const char *nsp, const char *name, const char *args);
struct payload *__wrap_socketio_make(const char *nsp, const char *name, const char *args);
int __real_socketio_send(struct socketio_socket *socket, struct payload *payload);
int __wrap_socketio_send(struct socketio_socket *socket, struct payload *payload);

struct payload *__wrap_socketio_make(const char *nsp, const char *name, const char *args)
{
    struct payload *payload = __real_socketio_make(nsp, name, args);

    skipped = chance(ONE_IN) ? payload : NULL;
    return payload;
}

int __wrap_socketio_send(struct socketio_socket *socket, struct payload *payload)
{
    return payload == skipped ? 0 : __real_socketio_send(socket, payload);
}
