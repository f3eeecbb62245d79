# The three kinds of target: parley_daemon, parley_test, parley_fuzz; and the flags that all of them share.
add_library(parley_flags INTERFACE)
target_include_directories(parley_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(parley_flags INTERFACE _GNU_SOURCE PARLEY_VERSION="${PROJECT_VERSION}")
target_compile_options(parley_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wcast-qual -Wpointer-arith -Wwrite-strings
    $<$<C_COMPILER_ID:Clang>:-Wno-gnu-statement-expression -Wno-gnu-zero-variadic-macro-arguments
                             -Wno-gnu-empty-initializer>
    $<$<CONFIG:Release>:-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
target_link_options(parley_flags INTERFACE $<$<CONFIG:Release>:-Wl,-z,relro,-z,now>)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# parley_daemon(NAME SOURCES file.c … LIBS target …): NAME_core from SOURCES, and the program parley-NAME from main.c.
function(parley_daemon name)
    cmake_parse_arguments(ARG "" "PROGRAM" "SOURCES;LIBS" ${ARGN})
    if(NOT ARG_PROGRAM)
        set(ARG_PROGRAM parley-${name})
    endif()
    add_library(${name}_core STATIC ${ARG_SOURCES})
    target_link_libraries(${name}_core PUBLIC base ${ARG_LIBS})
    add_executable(${name}_main main.c)
    target_link_libraries(${name}_main PRIVATE ${name}_core)
    set_target_properties(${name}_main PROPERTIES OUTPUT_NAME ${ARG_PROGRAM})
endfunction()

# parley_test(FOLDER MODULE [LIBS target …] [SOURCES extra.c …]): tests/FOLDER/test_MODULE.c, label unit.
function(parley_test folder module)
    cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 60)
    endif()
    set(target test_${folder}_${module})
    add_executable(${target} ${CMAKE_SOURCE_DIR}/tests/${folder}/test_${module}.c ${ARG_SOURCES})
    target_link_libraries(${target} PRIVATE ${ARG_LIBS} base PkgConfig::CMOCKA)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${folder}_${module} COMMAND ${target})
    set_tests_properties(${folder}_${module} PROPERTIES LABELS unit TIMEOUT ${ARG_TIMEOUT})
endfunction()

# parley_fuzz(NAME LIBS target …): tests/fuzz/fuzz_NAME.c with libFuzzer, when PARLEY_FUZZ is on.
function(parley_fuzz name)
    cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
    if(PARLEY_FUZZ)
        add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_libraries(fuzz_${name} PRIVATE ${ARG_LIBS} base)
        set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    endif()
endfunction()
