/* Configuration: where a value comes from, and what is refused. */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <unistd.h>

#include "base/conf.h"

static const struct conf_key keys[] = {
    CONF_TEXT("edge/host", "127.0.0.1", "address"),
    CONF_NUMBER("edge/port", 8080, 1, 65535, "port"),
    CONF_FLAG("edge/chatty", "no", "says more"),
    CONF_PATH("edge/web", "", "folder"),
    CONF_END,
};

struct fixture {
    char folder[32];
    char file[64];
    struct conf *conf;
    char *why;
};

static int set_up(void **state)
{
    struct fixture *self = NEW(struct fixture);

    snprintf(self->folder, sizeof self->folder, "/tmp/parley-conf-XXXXXX");
    if (!mkdtemp(self->folder))
        return -1;
    snprintf(self->file, sizeof self->file, "%s/parley.cfg", self->folder);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *self = *state;

    conf_free(&self->conf);
    free(self->why);
    unlink(self->file);
    rmdir(self->folder);
    free(self);
    return 0;
}

static int read_as(struct fixture *self, const char *name, const char *content)
{
    FILE *file = fopen(self->file, "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    return conf_new(&self->conf, self->file, name, keys, &self->why);
}

static void test_without_a_file_the_defaults_hold(void **state)
{
    struct fixture *self = *state;

    assert_int_equal(conf_new(&self->conf, NULL, "edge", keys, &self->why), 0);
    assert_string_equal(conf_text(self->conf, "edge/host"), "127.0.0.1");
    assert_int_equal(conf_number(self->conf, "edge/port"), 8080);
    assert_false(conf_flag(self->conf, "edge/chatty"));
    assert_string_equal(conf_path(self->conf, "edge/web"), "");
}

static void test_the_section_of_an_instance_goes_before_that_of_its_role(void **state)
{
    struct fixture *self = *state;

    assert_int_equal(
        read_as(self, "edge.2", "edge\n    port = 1000\n    host = ::1\nedge.2\n    port = 2000\n"),
        0);
    assert_int_equal(conf_number(self->conf, "edge/port"), 2000);
    assert_string_equal(conf_text(self->conf, "edge/host"), "::1");
}

static void test_the_environment_goes_before_the_file(void **state)
{
    struct fixture *self = *state;
    int rc;

    setenv("PARLEY_EDGE_PORT", "3000", 1);
    rc = read_as(self, "edge", "edge\n    port = 1000\n");
    unsetenv("PARLEY_EDGE_PORT");
    assert_int_equal(rc, 0);
    assert_int_equal(conf_number(self->conf, "edge/port"), 3000);
}

static void test_an_environment_variable_can_name_a_file_with_the_value(void **state)
{
    struct fixture *self = *state;
    char secret[64];
    FILE *file;
    int rc;

    snprintf(secret, sizeof secret, "%s/secret", self->folder);
    file = fopen(secret, "w");
    assert_non_null(file);
    fputs("10.0.0.7\n", file);
    fclose(file);
    setenv("PARLEY_EDGE_HOST_FILE", secret, 1);
    rc = conf_new(&self->conf, NULL, "edge", keys, &self->why);
    unsetenv("PARLEY_EDGE_HOST_FILE");
    unlink(secret);
    assert_int_equal(rc, 0);
    assert_string_equal(conf_text(self->conf, "edge/host"), "10.0.0.7");
}

static void test_a_relative_path_starts_at_the_file(void **state)
{
    struct fixture *self = *state;
    char wanted[64];

    assert_int_equal(read_as(self, "edge", "edge\n    web = \"www\"\n"), 0);
    snprintf(wanted, sizeof wanted, "%s/www", self->folder);
    assert_string_equal(conf_path(self->conf, "edge/web"), wanted);
}

static void refuses(struct fixture *self, const char *content, const char *says)
{
    assert_int_equal(read_as(self, "edge", content), -EINVAL);
    assert_non_null(strstr(self->why, says));
}

static void test_an_unknown_key_is_refused_by_name(void **state)
{
    refuses(*state, "edge\n    prot = 80\n", "prot");
}

static void test_an_unknown_section_is_refused_by_name(void **state)
{
    refuses(*state, "egde\n    port = 80\n", "egde");
}

static void test_a_number_that_is_none_is_refused(void **state)
{
    refuses(*state, "edge\n    port = eighty\n", "eighty");
}

static void test_a_number_out_of_range_is_refused(void **state)
{
    refuses(*state, "edge\n    port = 65536\n", "65535");
}

static void test_a_flag_is_yes_or_no(void **state)
{
    refuses(*state, "edge\n    chatty = maybe\n", "maybe");
}

static void test_the_keys_of_other_daemons_are_left_to_them(void **state)
{
    assert_int_equal(read_as(*state, "edge", "store\n    kind = sqlite\n"), 0);
}

static void test_a_missing_file_is_named(void **state)
{
    struct fixture *self = *state;

    assert_int_equal(conf_new(&self->conf, "/nowhere/parley.cfg", "edge", keys, &self->why),
                     -ENOENT);
    assert_non_null(strstr(self->why, "/nowhere/parley.cfg"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_file_the_defaults_hold),
        TEST(test_the_section_of_an_instance_goes_before_that_of_its_role),
        TEST(test_the_environment_goes_before_the_file),
        TEST(test_an_environment_variable_can_name_a_file_with_the_value),
        TEST(test_a_relative_path_starts_at_the_file),
        TEST(test_an_unknown_key_is_refused_by_name),
        TEST(test_an_unknown_section_is_refused_by_name),
        TEST(test_a_number_that_is_none_is_refused),
        TEST(test_a_number_out_of_range_is_refused),
        TEST(test_a_flag_is_yes_or_no),
        TEST(test_the_keys_of_other_daemons_are_left_to_them),
        TEST(test_a_missing_file_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
