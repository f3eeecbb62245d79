/* A person as a line of JSON: {"username":…,"email"?:…,"displayName"?:…,"password"?:…}. */
#pragma once

#include "base/wire.h"

struct user_line {
    char *username; /* none of them NULL */
    char *email;
    char *display_name;
    char *password;
};

/* Reads a line. -EPROTO and in *ret_why (free()) what is wrong with it. */
int user_line_parse(struct user_line *ret, const char *line, size_t len, char **ret_why) MUST_CHECK;
void user_line_done(struct user_line *self); /* for AUTO too */

/* The request that makes such a user; borrows. */
struct wire_admin_user user_line_request(const struct user_line *self);
