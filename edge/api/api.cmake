# The doors: what clients say becomes calls, what happens becomes events. Included by edge/CMakeLists.txt.
add_library(edge_api STATIC
    api/admin.c api/admission.c api/api.c api/call.c api/call_auth.c api/call_conversations.c api/call_health.c
    api/call_history.c api/call_input.c api/call_members.c api/call_messages.c api/call_register.c
    api/call_sessions.c api/call_sync.c api/call_users.c api/live.c
    api/live_calls.c api/password.c api/rate.c api/reader.c api/refresh.c api/render.c api/rest.c api/revoked.c api/shape.c api/tail.c api/token.c
    api/write.c)
target_link_libraries(edge_api PUBLIC
    edge_bus edge_transport PkgConfig::JWT PkgConfig::ARGON2 PkgConfig::JANSSON PkgConfig::CRYPTO)
