# The edge's side towards the bus: knows nothing of HTTP, Socket.IO or JSON.
add_library(edge_bus STATIC
    bus_uv.c
    api/backend.c api/idmap.c api/interest.c api/interest_ask.c api/interest_read.c
    api/interest_table.c api/interest_walk.c api/links.c api/outbox.c api/pipe.c api/query.c
    api/repair.c)
target_link_libraries(edge_bus PUBLIC base PkgConfig::UV)
