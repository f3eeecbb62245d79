/* parley: the operator's command. */
#include <czmq.h>

#include "admin/command.h"

static const struct command *const commands[] = {
    &command_up,   &command_status, &command_user_add, &command_user_import, &command_user_token,
    &command_scan, &command_keys,   &command_record,   &command_recording,   &command_replay,
    NULL,
};

int main(int argc, char **argv)
{
    zsys_handler_set(NULL); /* Ctrl-C ends a command; `up` has a way of its own */
    return command_main(commands, argc, argv);
}
