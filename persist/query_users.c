/* Users: made once under their names, found by id, name, address or the beginning of a name. */
#include <errno.h>
#include <string.h>

#include "persist/query.h"

#define NAME_MAX_BYTES 320
#define TEXT_MAX_BYTES 4096
#define USERS_PER_PAGE 200
#define LIST_MAX (8u << 20)

/* Length of the UTF-8 character at `at`; 0 when it is none or a control character. */
static size_t character(const uint8_t *at, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t code;

    if (len <= 1)
        return at[0] < 0x20 || at[0] == 0x7f ? 0 : len;
    if (len > left || at[0] > 0xf4)
        return 0;
    code = at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    return code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : len;
}

static bool is_name(struct wire_bytes text)
{
    size_t at = 0, len = 1;

    while (at < text.len && len > 0) {
        len = character(text.data + at, text.len - at);
        at += len;
    }
    return len > 0 && text.len <= NAME_MAX_BYTES;
}

static bool is_address(struct wire_bytes text)
{
    return text.len && memchr(text.data, '@', text.len);
}

static bool is_user(const struct wire_user *user)
{
    return !id_is_zero(&user->id) && user->username.len > 0 && is_name(user->username) &&
           is_name(user->email) && (!user->email.len || is_address(user->email)) &&
           user->display_name.len <= TEXT_MAX_BYTES && user->password.len <= TEXT_MAX_BYTES;
}

int query_user_add(struct store *store, const struct wire_user_add *ask, struct buf *out)
{
    struct wire_user_add_reply reply = {.status = WIRE_OK};
    struct wire_user user;
    const char *taken = "";
    int rc = wire_user_decode(ask->user, &user);

    if (rc < 0 || !is_user(&user))
        return -EPROTO;
    rc = store->ops->user_add(store, &user, &taken);
    if (rc == -EEXIST)
        reply = (struct wire_user_add_reply){WIRE_CONFLICT, wire_text(taken)};
    else if (rc < 0)
        return rc;
    wire_user_add_reply_encode(out, &reply);
    return 0;
}

static bool keep_user(void *arg, const struct wire_user *user)
{
    wire_user_encode(arg, user);
    return true;
}

int query_user_get(struct store *store, const struct wire_user_get *ask, struct buf *out)
{
    AUTO(buf_done) struct buf user;
    struct wire_user_reply reply = {.status = WIRE_OK};
    bool address = is_address(ask->login);
    int rc;

    buf_init(&user, LIST_MAX);
    if (!id_is_zero(&ask->id))
        rc = store->ops->user_get(store, &ask->id, keep_user, &user);
    else if (ask->login.len == 0 || !is_name(ask->login))
        rc = -ENOENT;
    else
        rc = store->ops->user_login(store, address ? STORE_BY_EMAIL : STORE_BY_USERNAME, ask->login,
                                    keep_user, &user);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    reply.status = rc == 0 ? WIRE_OK : WIRE_NOT_FOUND;
    reply.user = wire_buf(&user);
    wire_user_reply_encode(out, &reply);
    return 0;
}

struct found {
    struct buf list;
    uint32_t count;
};

static bool add_user(void *arg, const struct wire_user *user)
{
    struct found *self = arg;

    wire_user_add(&self->list, &self->count, user);
    return true;
}

int query_user_find(struct store *store, const struct wire_user_find *ask, struct buf *out)
{
    struct found found = {0};
    struct wire_users_reply reply = {.status = WIRE_OK};
    int rc = 0;

    buf_init(&found.list, LIST_MAX);
    if (is_name(ask->prefix))
        rc = store->ops->user_find(store, ask->prefix, query_limit(ask->limit, USERS_PER_PAGE),
                                   add_user, &found);
    reply.users = wire_list_of(&found.list, found.count);
    if (rc == 0)
        wire_users_reply_encode(out, &reply);
    buf_done(&found.list);
    return rc;
}

int query_user_update(struct store *store, const struct wire_user_update *ask, struct buf *out)
{
    int rc;

    if (ask->display_name.len > TEXT_MAX_BYTES)
        return -EPROTO;
    rc = store->ops->user_update(store, &ask->id, ask->display_name);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    query_status(out, rc == 0 ? WIRE_OK : WIRE_NOT_FOUND, "");
    return 0;
}
