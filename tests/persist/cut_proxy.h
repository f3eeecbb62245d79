/* A TCP proxy in a thread that can lose answers: what the client sent has reached the server, and
 * the connection is cut before the client hears of it. */
#pragma once

#include <stdint.h>

struct cut_proxy;

void cut_proxy_new(struct cut_proxy **ret, const char *host, uint16_t port);
void cut_proxy_free(struct cut_proxy **self);
uint16_t cut_proxy_port(const struct cut_proxy *self);

/* Of the requests that hold this text from now on, the first loses its answer. */
void cut_proxy_lose(struct cut_proxy *self, const char *text);
/* How many answers were lost. */
unsigned cut_proxy_lost(struct cut_proxy *self);
