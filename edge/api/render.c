/* Names of what the bus numbers, and what an error says. */
#include "edge/api/render.h"

#include <string.h>

void render_drop(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

json_t *render_message_id(const struct id *conversation, uint64_t seq)
{
    char text[ID_MESSAGE_TEXT];

    if (seq == 0)
        return json_null();
    id_message_to_text(conversation, seq, text);
    return json_string(text);
}

json_t *render_sentence(const char *text)
{
    json_t *json = json_string(text);
    AUTO(base_free_text) char *plain = NULL;

    if (json)
        return json;
    plain = base_strdup(text);
    for (char *at = plain; *at; at++)
        if ((unsigned char)*at > 0x7e)
            *at = '?';
    return json_string(plain);
}

const char *render_role(uint8_t role)
{
    if (role == WIRE_ROLE_OWNER)
        return "owner";
    return role == WIRE_ROLE_ADMIN ? "admin" : "member";
}

enum wire_role render_role_of(const char *text)
{
    for (enum wire_role role = WIRE_ROLE_MEMBER; role <= WIRE_ROLE_OWNER; role++)
        if (strcmp(text, render_role((uint8_t)role)) == 0)
            return role;
    return WIRE_ROLE_NONE;
}

const char *render_durability(uint8_t durability)
{
    return durability == WIRE_DURABILITY_MAJORITY ? "majority" : "fsync";
}
