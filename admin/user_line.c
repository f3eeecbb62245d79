/* The format of `parley user import`: what the edge checks (lengths, letters) is left to it. */
#include "admin/user_line.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/why.h"

/* A member's text; "" when it is not there. */
static int take_text(json_t *object, const char *name, char **ret, char **ret_why)
{
    json_t *value = json_object_get(object, name);

    if (value && !json_is_string(value) && !json_is_null(value))
        return why_say(ret_why, -EPROTO, "%s must be text", name);
    *ret = base_strdup(json_is_string(value) ? json_string_value(value) : "");
    return 0;
}

static int take_all(json_t *object, struct user_line *user, char **ret_why)
{
    int rc;

    if (!json_is_object(object))
        return why_say(ret_why, -EPROTO, "not a JSON object");
    rc = take_text(object, "username", &user->username, ret_why);
    if (rc == 0)
        rc = take_text(object, "email", &user->email, ret_why);
    if (rc == 0)
        rc = take_text(object, "displayName", &user->display_name, ret_why);
    if (rc == 0)
        rc = take_text(object, "password", &user->password, ret_why);
    if (rc == 0 && user->username[0] == '\0')
        rc = why_say(ret_why, -EPROTO, "username is missing");
    return rc;
}

int user_line_parse(struct user_line *ret, const char *line, size_t len, char **ret_why)
{
    AUTO(user_line_done) struct user_line user = {0};
    json_error_t error;
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    int rc = object ? take_all(object, &user, ret_why)
                    : why_say(ret_why, -EPROTO, "not JSON: %s", error.text);

    json_decref(object);
    if (rc < 0)
        return rc;
    *ret = user;
    user = (struct user_line){0};
    return 0;
}

void user_line_done(struct user_line *self)
{
    free(TAKE(self->username));
    free(TAKE(self->email));
    free(TAKE(self->display_name));
    if (self->password)
        explicit_bzero(self->password, strlen(self->password));
    free(TAKE(self->password));
}

struct wire_admin_user user_line_request(const struct user_line *self)
{
    return (struct wire_admin_user){.username = wire_text(self->username),
                                    .email = wire_text(self->email),
                                    .display_name = wire_text(self->display_name),
                                    .password = wire_text(self->password)};
}
