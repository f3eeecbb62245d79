/* The REST door: methods and paths onto calls. */
#pragma once

#include "edge/api/call.h"
#include "edge/transport/http.h"

/* Bytes of a request's body, at most. */
#define REST_BODY_MAX 1000000

/* Takes requests under /api and to /health: true. The others belong to somebody else. */
bool rest_request(struct api *api, struct http_request *request);
