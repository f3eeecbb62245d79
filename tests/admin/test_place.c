/* Which daemons there are. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "admin/place.h"
#include "tests/admin/folder.h"

static char names[PLACE_DAEMONS_MAX][TOPOLOGY_NAME_MAX + 1];

static void test_daemons_are_names_with_spaces_between(void **state)
{
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    assert_int_equal(place_parse_daemons(" persist.1  router edge edge.2 ", names, &why), 4);
    assert_string_equal(names[0], "persist.1");
    assert_string_equal(names[3], "edge.2");
    assert_true(place_has_role("edge.2", "edge"));
    assert_true(place_has_role("edge", "edge"));
    assert_false(place_has_role("edgewise", "edge"));
}

static void test_what_is_no_daemon_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "redis",
                                      "edge edge",
                                      "edgewise",
                                      "edge./../x",
                                      "edge.a-name-that-is-longer-than-names-may-be"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(base_free_text) char *why = NULL;

        assert_int_equal(place_parse_daemons(bad[i], names, &why), -EINVAL);
        assert_non_null(strstr(why, "up/daemons"));
    }
}

static void test_more_daemons_than_there_is_room_for_are_refused(void **state)
{
    char text[2000] = "";
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    for (int i = 0; i <= PLACE_DAEMONS_MAX; i++)
        sprintf(text + strlen(text), "edge.%d ", i);
    assert_int_equal(place_parse_daemons(text, names, &why), -EINVAL);
}

static void test_a_configuration_that_is_not_there_is_named(void **state)
{
    struct place *place = NULL;
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    assert_int_equal(place_open(&place, "/nowhere/parley.cfg", &why), -ENOENT);
    assert_non_null(strstr(why, "/nowhere/parley.cfg"));
    assert_null(place);
}

static void expect_url(struct place *place, const char *edge, const char *wanted)
{
    AUTO(base_free_text) char *url = place_url(place, edge);

    assert_string_equal(url, wanted);
}

static void test_an_edge_has_an_url_for_people_on_this_machine(void **state)
{
    struct folder folder;

    (void)state;
    folder_make(&folder, "edge\n    port = 9000\n    host = \"0.0.0.0\"\n"
                         "edge.2\n    port = 9001\n    host = \"192.0.2.1\"\n    tls_cert = x\n"
                         "edge.3\n    host = \"::1\"\n");
    expect_url(folder.place, "edge", "http://127.0.0.1:9000/");
    expect_url(folder.place, "edge.2", "https://192.0.2.1:9001/");
    expect_url(folder.place, "edge.3", "http://[::1]:9000/");
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_daemons_are_names_with_spaces_between),
        cmocka_unit_test(test_what_is_no_daemon_is_refused),
        cmocka_unit_test(test_more_daemons_than_there_is_room_for_are_refused),
        cmocka_unit_test(test_an_edge_has_an_url_for_people_on_this_machine),
        cmocka_unit_test(test_a_configuration_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
