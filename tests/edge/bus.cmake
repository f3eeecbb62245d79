# The edge's side towards the bus, against routers and persist in memory.
add_library(edge_fake_bus STATIC
    ${CMAKE_CURRENT_LIST_DIR}/fake_bus.c ${CMAKE_CURRENT_LIST_DIR}/fake_persist.c
    ${CMAKE_CURRENT_LIST_DIR}/fake_routers.c)
target_link_libraries(edge_fake_bus PUBLIC edge_bus PkgConfig::CMOCKA)
foreach(module query links outbox interest standing storm)
    parley_test(edge ${module} LIBS edge_fake_bus)
endforeach()
