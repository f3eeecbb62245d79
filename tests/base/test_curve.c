/* Keys: who has one that the folder knows is heard over tcp, nobody else is. */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/bus.h"
#include "base/clock.h"
#include "base/curve.h"

#define HEARD_MS 5000
#define UNHEARD_MS 300 /* a peer with the right key is heard within a few */

struct fixture {
    char folder[32];
    char endpoint[64]; /* with the server's name */
    char *address;     /* without it */
    zsock_t *server;
};

static int set_up(void **state)
{
    struct fixture *self = NEW(struct fixture);
    AUTO(base_free_text) char *why = NULL;
    struct bus_options options = {
        .type = ZMQ_PULL, .endpoint = self->endpoint, .bind = true, .high_water = 10};

    zsys_handler_set(NULL);
    snprintf(self->folder, sizeof self->folder, "/tmp/parley-keys-XXXXXX");
    if (!mkdtemp(self->folder))
        return -1;
    assert_int_equal(curve_make(self->folder, "router"), 1);
    assert_int_equal(curve_start(self->folder, "router", &why), 0);
    snprintf(self->endpoint, sizeof self->endpoint, "tcp://127.0.0.1:*#router");
    assert_int_equal(bus_open(&self->server, &options), 0);
    self->address = zsock_last_endpoint(self->server);
    snprintf(self->endpoint, sizeof self->endpoint, "%s#router", self->address);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *self = *state;
    AUTO(zdir_destroy) zdir_t *folder = zdir_new(self->folder, NULL);

    zsock_destroy(&self->server);
    curve_stop();
    zdir_remove(folder, true);
    zstr_free(&self->address);
    free(self);
    return 0;
}

static int say(zsock_t *sock, const struct wire_head *head)
{
    AUTO(buf_done) struct buf frame;

    buf_init(&frame, 1000);
    wire_head_encode(&frame, head);
    return bus_send(sock, &frame);
}

static struct wire_head head_of(const char *name, enum wire_type type)
{
    return (struct wire_head){.type = (uint8_t)type,
                              .sender = id_fingerprint(0, name, strlen(name))};
}

static bool hears(struct fixture *self, zsock_t *client, const struct wire_head *head, uint64_t ms)
{
    uint64_t end_ms = clock_monotonic_ms() + ms;
    zmq_pollitem_t item = {.socket = zsock_resolve(self->server), .events = ZMQ_POLLIN};

    while (clock_monotonic_ms() < end_ms) {
        struct bus_frame frame;

        if (say(client, head) < 0 && errno != EAGAIN)
            return false;
        zmq_poll(&item, 1, 20);
        if (bus_recv(self->server, &frame) != 1)
            continue;
        bus_frame_done(&frame);
        return true;
    }
    return false;
}

static bool is_heard(struct fixture *self, zsock_t *client, uint64_t ms)
{
    struct wire_head head = head_of("router", WIRE_TYPE_WAKE);

    return hears(self, client, &head, ms);
}

/* A socket of somebody else, whose key the folder has. */
static zsock_t *connect_as(struct fixture *self, const char *name)
{
    AUTO(base_free_text) char *own = NULL, *servers = NULL;
    AUTO(zcert_destroy) zcert_t *cert = NULL, *server = NULL;
    zsock_t *sock = zsock_new(ZMQ_PUSH);

    assert_int_equal(curve_make(self->folder, name), 1);
    assert_true(asprintf(&own, "%s/%s.cert", self->folder, name) > 0);
    assert_true(asprintf(&servers, "%s/router.cert", self->folder) > 0);
    cert = zcert_load(own);
    server = zcert_load(servers);
    zcert_apply(cert, sock);
    zsock_set_curve_serverkey(sock, zcert_public_txt(server));
    assert_int_equal(zsock_connect(sock, "%s", self->address), 0);
    return sock;
}

static void test_a_peer_with_a_known_key_is_heard(void **state)
{
    struct fixture *self = *state;
    AUTO(zsock_destroy) zsock_t *client = NULL;
    struct bus_options options = {.type = ZMQ_PUSH, .endpoint = self->endpoint, .high_water = 10};

    assert_int_equal(bus_open(&client, &options), 0);
    assert_true(is_heard(self, client, HEARD_MS));
}

/* The server's public key is no secret: that a client knows it must not help it. */
static void test_a_key_that_the_folder_does_not_know_is_not_heard(void **state)
{
    struct fixture *self = *state;
    AUTO(base_free_text) char *path = NULL;
    AUTO(zcert_destroy) zcert_t *stranger = zcert_new(), *server = NULL;
    AUTO(zsock_destroy) zsock_t *client = zsock_new(ZMQ_PUSH);

    assert_true(asprintf(&path, "%s/router.cert", self->folder) > 0);
    server = zcert_load(path);
    zcert_apply(stranger, client);
    zsock_set_curve_serverkey(client, zcert_public_txt(server));
    assert_int_equal(zsock_connect(client, "%s", self->address), 0);
    assert_false(is_heard(self, client, UNHEARD_MS));
}

static void test_a_peer_without_a_key_is_not_heard(void **state)
{
    struct fixture *self = *state;
    AUTO(zsock_destroy) zsock_t *client = zsock_new(ZMQ_PUSH);

    assert_int_equal(zsock_connect(client, "%s", self->address), 0);
    assert_false(is_heard(self, client, UNHEARD_MS));
}

static void test_a_role_is_heard_with_what_is_its_own_and_nothing_else(void **state)
{
    struct fixture *self = *state;
    AUTO(zsock_destroy) zsock_t *client = connect_as(self, "edge.2");
    struct wire_head own = head_of("edge.2", WIRE_TYPE_POST);
    struct wire_head foreign = head_of("edge.2", WIRE_TYPE_BATCH);
    struct wire_head answer = head_of("edge.2", WIRE_TYPE_BATCH_ANSWER);

    assert_true(hears(self, client, &own, HEARD_MS));
    assert_false(hears(self, client, &foreign, UNHEARD_MS));
    assert_false(hears(self, client, &answer, UNHEARD_MS));
    assert_true(hears(self, client, &own, HEARD_MS));
}

static void test_nobody_but_the_operator_speaks_in_anothers_name(void **state)
{
    struct fixture *self = *state;
    AUTO(zsock_destroy) zsock_t *edge = connect_as(self, "edge.2");
    AUTO(zsock_destroy) zsock_t *admin = connect_as(self, "admin");
    struct wire_head other = head_of("edge.1", WIRE_TYPE_POST);
    struct wire_head own = head_of("edge.2", WIRE_TYPE_POST);

    assert_false(hears(self, edge, &other, UNHEARD_MS));
    assert_true(hears(self, edge, &own, HEARD_MS));
    assert_true(hears(self, admin, &other, HEARD_MS));
}

static void test_a_key_of_a_role_that_there_is_not_is_not_heard(void **state)
{
    struct fixture *self = *state;
    AUTO(zsock_destroy) zsock_t *client = connect_as(self, "edgeling");
    struct wire_head head = head_of("edgeling", WIRE_TYPE_POST);

    assert_false(hears(self, client, &head, UNHEARD_MS));
}

static void test_a_peer_whose_certificate_is_missing_is_not_reached(void **state)
{
    AUTO(zsock_destroy) zsock_t *client = NULL;
    struct bus_options options = {
        .type = ZMQ_PUSH, .endpoint = "tcp://127.0.0.1:9#router.2", .high_water = 10};

    (void)state;
    assert_int_equal(bus_open(&client, &options), -ENOKEY);
}

static void test_a_secret_is_kept_and_its_owners_alone(void **state)
{
    struct fixture *self = *state;
    AUTO(base_free_text) char *path = NULL;
    struct stat info;

    assert_int_equal(curve_make(self->folder, "router"), 0);
    assert_true(asprintf(&path, "%s/router.cert_secret", self->folder) > 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0077, 0);
}

static void test_who_has_no_secret_is_told_how_to_get_one(void **state)
{
    AUTO(base_free_text) char *why = NULL;

    (void)state;
    assert_int_equal(curve_start("/nowhere", "edge", &why), -ENOKEY);
    assert_non_null(strstr(why, "parley keys"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_peer_with_a_known_key_is_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_key_that_the_folder_does_not_know_is_not_heard,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_peer_without_a_key_is_not_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_role_is_heard_with_what_is_its_own_and_nothing_else,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_but_the_operator_speaks_in_anothers_name,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_key_of_a_role_that_there_is_not_is_not_heard, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_peer_whose_certificate_is_missing_is_not_reached,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_secret_is_kept_and_its_owners_alone, set_up,
                                        tear_down),
        cmocka_unit_test(test_who_has_no_secret_is_told_how_to_get_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
