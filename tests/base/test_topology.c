/* Which worker owns which partition. */
#include "tests/lib/cmocka.h"

#include <errno.h>

#include "base/topology.h"

static const struct conf_key no_keys[] = {CONF_END};

static int load_workers(const char *workers, struct topology *ret)
{
    AUTO(conf_free) struct conf *conf = NULL;
    AUTO(base_free_text) char *why = NULL;
    int rc;

    setenv("PARLEY_BUS_WORKERS", workers, 1);
    rc = conf_new(&conf, NULL, "router", no_keys, &why);
    unsetenv("PARLEY_BUS_WORKERS");
    assert_int_equal(rc, 0);
    return topology_load(ret, conf, &why);
}

static void test_one_worker_without_a_range_owns_everything(void **state)
{
    struct topology topology;

    (void)state;
    assert_int_equal(load_workers("persist", &topology), 0);
    assert_int_equal(topology.worker_count, 1);
    assert_true(topology_partitions_of(&topology, "persist") == UINT64_MAX);
    assert_true(topology_partitions_of(&topology, "persist.2") == 0);
}

static void test_two_workers_share_the_partitions(void **state)
{
    struct topology topology;

    (void)state;
    assert_int_equal(load_workers("persist.1:0-30,63 persist.2:31-62", &topology), 0);
    assert_int_equal(topology.worker_of[30], 0);
    assert_int_equal(topology.worker_of[31], 1);
    assert_int_equal(topology.worker_of[63], 0);
    assert_true((topology_partitions_of(&topology, "persist.1") &
                 topology_partitions_of(&topology, "persist.2")) == 0);
}

static void test_what_leaves_a_partition_out_or_gives_it_twice_is_refused(void **state)
{
    static const char *const bad[] = {"persist:0-62", "persist.1:0-31 persist.2:31-63",
                                      "persist:0-64", "persist:5-2",
                                      "persist:",     "persist:0-63,",
                                      ":0-63",        ""};
    struct topology topology;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(load_workers(bad[i], &topology), -EINVAL);
}

static struct conf *load_hosts(const char *hosts)
{
    AUTO(base_free_text) char *why = NULL;
    struct conf *conf = NULL;

    setenv("PARLEY_BUS_HOSTS", hosts, 1);
    assert_int_equal(conf_new(&conf, NULL, "router", no_keys, &why), 0);
    unsetenv("PARLEY_BUS_HOSTS");
    return conf;
}

static void check_endpoint(struct conf *conf, const char *name, enum topology_channel channel,
                           const char *expected)
{
    AUTO(base_free_text) char *endpoint = topology_endpoint(conf, name, channel);

    assert_string_equal(endpoint, expected);
}

static void test_a_daemon_on_another_host_has_a_port_per_channel(void **state)
{
    AUTO(conf_free)
    struct conf *conf = load_hosts("router=10.0.0.1:7000  router.2=[fd00::2]:7100");

    (void)state;
    check_endpoint(conf, "router", TOPOLOGY_CONTROL, "tcp://10.0.0.1:7000#router");
    check_endpoint(conf, "router", TOPOLOGY_STREAMS, "tcp://10.0.0.1:7003#router");
    check_endpoint(conf, "router.2", TOPOLOGY_INTAKE, "tcp://[fd00::2]:7102#router.2");
    check_endpoint(conf, "edge", TOPOLOGY_CONTROL, "ipc://run/edge-control");
}

static void test_what_is_no_list_of_hosts_is_refused(void **state)
{
    static const char *const bad[] = {"router",        "router=",          "router=10.0.0.1",
                                      "=10.0.0.1:700", "router=:7000",     "router=10.0.0.1:65533",
                                      "router=a:0",    "router=10.0.0.1:", "router=a:7000x"};
    struct topology topology;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(conf_free) struct conf *conf = load_hosts(bad[i]);
        AUTO(base_free_text) char *why = NULL;

        assert_int_equal(topology_load(&topology, conf, &why), -EINVAL);
        assert_non_null(strstr(why, "bus/hosts"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_worker_without_a_range_owns_everything),
        cmocka_unit_test(test_two_workers_share_the_partitions),
        cmocka_unit_test(test_what_leaves_a_partition_out_or_gives_it_twice_is_refused),
        cmocka_unit_test(test_a_daemon_on_another_host_has_a_port_per_channel),
        cmocka_unit_test(test_what_is_no_list_of_hosts_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
