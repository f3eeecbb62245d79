/* Every call there is, by resource. rest.c gives them methods and paths, live.c event names. */
#pragma once

#include "edge/api/call_ask.h"
#include "edge/api/call_input.h"

/* call_register.c; the second for the operator: no password, no address needed */
extern const struct call_spec call_register, call_admin_user;
/* call_auth.c; the last for the operator: no password needed */
extern const struct call_spec call_login, call_refresh, call_logout, call_admin_token;
/* call_sessions.c */
extern const struct call_spec call_sessions, call_session_end;
/* call_users.c */
extern const struct call_spec call_me, call_me_change, call_users, call_user;
/* call_conversations.c */
extern const struct call_spec call_conversations, call_conversation, call_conversation_create,
    call_conversation_change;
/* call_members.c */
extern const struct call_spec call_members, call_members_add, call_member_change,
    call_member_remove;
/* call_messages.c: the way out */
extern const struct call_spec call_message_send;
/* call_history.c: the way back */
extern const struct call_spec call_message, call_messages, call_events;
/* call_sync.c */
extern const struct call_spec call_sync;
/* call_health.c */
extern const struct call_spec call_health, call_health_detailed;

/* Answers with one conversation as the caller sees it (call_conversations.c). */
void call_conversation_answer(struct call *call, const struct id *conversation,
                              enum call_outcome outcome);
/* Answers `conflict` and names the original (call_messages.c). */
void call_fail_conflict(struct call *call, const struct id *conversation, uint64_t seq);
/* Ends a session: in the store, then on every edge; answers 204 (call_sessions.c). */
void call_session_revoke(struct call *call, const struct id *session);
/* Opens a session for the user and answers with its tokens (call_auth.c). */
void call_sign_in(struct call *call, const struct wire_user *user, enum call_outcome outcome);

/* Members of more than one shape. */
#define CALL_EMAIL_MOST 254
#define CALL_PASSWORD_MOST 256
#define CALL_DISPLAY_NAME_MEMBER(must)                                                           \
    {                                                                                            \
        "displayName", SHAPE_TEXT, must, 1, 200, shape_is_line, "one line with something on it", \
            NULL                                                                                 \
    }
#define CALL_DEVICE_MEMBER                                                               \
    {                                                                                    \
        "device", SHAPE_TEXT, false, 1, CALL_DEVICE - 1, shape_is_line, "one line", NULL \
    }
#define CALL_CLIENT_ID_MEMBER                                                     \
    {                                                                             \
        "clientId", SHAPE_TEXT, false, 1, CALL_KEY - 1, shape_is_printable_ascii, \
            "printable ASCII", NULL                                               \
    }
#define CALL_CONVERSATION_MEMBER                                     \
    {                                                                \
        .name = "conversationId", .type = SHAPE_ID, .required = true \
    }
#define CALL_LIMIT_MEMBER                                                    \
    {                                                                        \
        .name = "limit", .type = SHAPE_NUMBER, .least = 1, .most = INT32_MAX \
    }
#define CALL_CURSOR_MEMBER                                                            \
    {                                                                                 \
        .name = "cursor", .type = SHAPE_TEXT, .least = 1, .most = 2 * CALL_CURSOR_MAX \
    }
