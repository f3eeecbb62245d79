/* The operator's door: requests of the `parley` command on the control socket, onto calls. */
#pragma once

#include "edge/api/call.h"

/* For service_on_command; arg is the api. */
void admin_request(void *arg, const struct bus_frame *request);
