/* The skeleton that all daemons share: start, control socket, readiness, end. */
#include "base/service.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/curve.h"
#include "base/log.h"

#define CONTROL_HIGH_WATER 1000
#define CONTROL_BATCH 100
#define REPLY_MAX (1u << 20)
#define SIGNAL_MS 200

struct service {
    const struct service_spec *spec;
    char name[TOPOLOGY_NAME_MAX + 1];
    uint64_t sender;
    uint64_t boot;
    uint64_t started_ms;
    struct conf *conf;
    struct topology topology;
    struct stat_set *stats;
    zsock_t *control;
    zloop_t *loop;
    char *trouble; /* NULL: ready */
    char *note;    /* NULL: nothing to add */
    service_command_fn *on_command;
    void *on_command_arg;
    uint64_t *malformed;
    struct buf reply;
};

struct flags {
    const char *file;
    const char *name;
    bool check;
    bool verbose;
};

static void print_help(const struct service_spec *spec)
{
    printf("Usage: parley-%s [-c FILE] [-n NAME] [-t] [-v]\n%s\n\n"
           "  -c FILE  configuration (one file for all daemons)\n"
           "  -n NAME  this daemon's name, \"%s\" or \"%s.2\"; its own keys stand in the section "
           "of that name\n"
           "  -t       check the configuration and exit\n"
           "  -v       log every message too\n"
           "  -V       print the version and exit\n"
           "  -h       print this and exit\n\nKeys:\n",
           spec->role, spec->summary, spec->role, spec->role);
    for (const struct conf_key *key = spec->keys; key->name; key++)
        printf("  %-28s %s (default %s)\n", key->name, key->help,
               key->fallback[0] ? key->fallback : "none");
}

/* 0: go on; 1: all is said; -EINVAL: said what is wrong. */
static int parse_flags(const struct service_spec *spec, int argc, char **argv, struct flags *ret)
{
    int option;

    while ((option = getopt(argc, argv, "c:n:tvVh")) != -1) {
        switch (option) {
        case 'c':
            ret->file = optarg;
            break;
        case 'n':
            ret->name = optarg;
            break;
        case 't':
            ret->check = true;
            break;
        case 'v':
            ret->verbose = true;
            break;
        case 'V':
            printf("parley-%s %s\n", spec->role, PARLEY_VERSION);
            return 1;
        case 'h':
            print_help(spec);
            return 1;
        default:
            fprintf(stderr, "Try parley-%s -h\n", spec->role);
            return -EINVAL;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "parley-%s takes no arguments besides its flags: %s\n", spec->role,
                argv[optind]);
        return -EINVAL;
    }
    return 0;
}

static int check_name(const struct service_spec *spec, const char *name)
{
    size_t len = strlen(spec->role);

    if (strncmp(name, spec->role, len) == 0 && (name[len] == '\0' || name[len] == '.') &&
        strlen(name) <= TOPOLOGY_NAME_MAX && !strpbrk(name, "/# "))
        return 0;
    fprintf(stderr, "a %s daemon is called \"%s\" or \"%s.SOMETHING\" (at most %d letters)\n",
            spec->role, spec->role, spec->role, TOPOLOGY_NAME_MAX);
    return -EINVAL;
}

static int start_log(struct service *self, bool verbose)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    const char *level = conf_text(self->conf, "log/level");

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(level, names[i]) == 0) {
            log_init(self->name, verbose ? LEVEL_DEBUG : (enum log_level)i);
            return 0;
        }
    fprintf(stderr, "log/level must be error, warn, info or debug, not \"%s\"\n", level);
    return -EINVAL;
}

/* Whoever speaks tcp needs a key; on one machine nobody does. */
static int start_keys(struct service *self)
{
    AUTO(base_free_text) char *why = NULL;
    int rc = 0;

    if (conf_text(self->conf, "bus/hosts")[0] != '\0')
        rc = curve_start(conf_path(self->conf, "bus/keys"), self->name, &why);
    if (rc < 0)
        log_error("no key for the bus", "reason=%s", log_quote(why ? why : strerror(-rc)));
    return rc;
}

static int open_control(struct service *self)
{
    AUTO(base_free_text)
    char *endpoint = topology_endpoint(self->conf, self->name, TOPOLOGY_CONTROL);
    struct bus_options options = {
        .type = ZMQ_ROUTER, .endpoint = endpoint, .bind = true, .high_water = CONTROL_HIGH_WATER};
    int rc = bus_open(&self->control, &options);

    if (rc < 0)
        log_error("cannot open the control socket", "endpoint=%s reason=%s", endpoint,
                  log_quote(rc == -ENAMETOOLONG ? "path too long: choose a shorter bus/dir"
                            : rc == -ENOENT     ? "the folder is not there: create bus/dir"
                                                : strerror(-rc)));
    return rc;
}

static int load(struct service *self, const struct flags *flags)
{
    AUTO(base_free_text) char *why = NULL;
    int rc = conf_new(&self->conf, flags->file, self->name, self->spec->keys, &why);

    if (rc == 0)
        rc = topology_load(&self->topology, self->conf, &why);
    if (rc < 0) {
        fprintf(stderr, "parley-%s: %s\n", self->spec->role, why);
        return rc;
    }
    return start_log(self, flags->verbose);
}

static void set_identity(struct service *self)
{
    struct id random = id_random();

    self->sender = id_fingerprint(0, self->name, strlen(self->name));
    memcpy(&self->boot, random.bytes, sizeof self->boot);
    self->boot |= 1; /* never 0, which means none */
    self->started_ms = clock_monotonic_ms();
}

int service_new(struct service **ret, const struct service_spec *spec, int argc, char **argv)
{
    AUTO(service_free) struct service *self = NEW(struct service);
    struct flags flags = {.name = spec->role};
    int rc = parse_flags(spec, argc, argv, &flags);

    if (rc != 0)
        return rc;
    if (check_name(spec, flags.name) < 0)
        return -EINVAL;
    self->spec = spec;
    snprintf(self->name, sizeof self->name, "%s", flags.name);
    set_identity(self);
    buf_init(&self->reply, REPLY_MAX);
    rc = load(self, &flags);
    if (rc < 0)
        return rc;
    if (flags.check) {
        printf("the configuration is good\n");
        return 1;
    }
    rc = stat_new(&self->stats);
    if (rc == 0)
        rc = start_keys(self);
    if (rc == 0)
        rc = open_control(self);
    if (rc < 0)
        return rc;
    self->malformed = stat_counter(self->stats, "control_malformed");
    service_set_health(self, "starting");
    log_info("starting", "version=%s pid=%d", PARLEY_VERSION, (int)getpid());
    *ret = TAKE(self);
    return 0;
}

void service_free(struct service **self)
{
    if (!*self)
        return;
    zloop_destroy(&(*self)->loop);
    zsock_destroy(&(*self)->control);
    curve_stop();
    stat_free(&(*self)->stats);
    conf_free(&(*self)->conf);
    buf_done(&(*self)->reply);
    free((*self)->trouble);
    free((*self)->note);
    free(*self);
    *self = NULL;
}

struct conf *service_conf(struct service *self)
{
    return self->conf;
}

const struct topology *service_topology(struct service *self)
{
    return &self->topology;
}

struct stat_set *service_stats(struct service *self)
{
    return self->stats;
}

const char *service_name(struct service *self)
{
    return self->name;
}

uint64_t service_boot(struct service *self)
{
    return self->boot;
}

struct wire_head service_head(struct service *self, enum wire_type type)
{
    return (struct wire_head){.type = (uint8_t)type, .sender = self->sender, .boot = self->boot};
}

void service_set_health(struct service *self, const char *trouble)
{
    if (self->trouble && trouble && strcmp(self->trouble, trouble) == 0)
        return;
    if (!self->trouble && !trouble)
        return;
    if (trouble)
        log_warn("not ready", "reason=%s", log_quote(trouble));
    else
        log_info("ready", "%s", "");
    free(self->trouble);
    self->trouble = trouble ? base_strdup(trouble) : NULL;
}

void service_set_note(struct service *self, const char *note)
{
    if (self->note && strcmp(self->note, note) == 0)
        return;
    free(self->note);
    self->note = base_strdup(note);
}

void service_on_command(struct service *self, service_command_fn *fn, void *arg)
{
    self->on_command = fn;
    self->on_command_arg = arg;
}

void service_reply(struct service *self, const struct bus_peer *peer, const struct buf *frame)
{
    if (bus_send_to(self->control, peer, frame) < 0)
        log_debug("nobody waits for this answer", "%s", "");
}

void service_reply_status(struct service *self, const struct bus_peer *peer, uint64_t trace,
                          enum wire_result status, const char *detail)
{
    struct wire_head head = service_head(self, WIRE_TYPE_STATUS_REPLY);
    struct wire_status_reply reply = {.status = (uint8_t)status, .detail = wire_text(detail)};

    head.trace = trace;
    buf_clear(&self->reply);
    wire_head_encode(&self->reply, &head);
    wire_status_reply_encode(&self->reply, &reply);
    service_reply(self, peer, &self->reply);
}

static void answer_status(struct service *self, const struct bus_frame *request)
{
    AUTO(buf_done) struct buf counters;
    uint32_t count = 0;
    struct wire_head head = service_head(self, WIRE_TYPE_STATUS_IS);
    struct wire_status_is status = {
        .name = wire_text(self->name),
        .version = wire_text(PARLEY_VERSION),
        .pid = (uint64_t)getpid(),
        .up_ms = clock_monotonic_ms() - self->started_ms,
        .ready = !self->trouble,
        .health = wire_text(self->trouble ? self->trouble
                            : self->note  ? self->note
                                          : ""),
    };

    buf_init(&counters, REPLY_MAX / 2);
    stat_snapshot(self->stats, &counters, &count);
    status.counters = wire_list_of(&counters, count);
    head.trace = request->head.trace;
    buf_clear(&self->reply);
    wire_head_encode(&self->reply, &head);
    wire_status_is_encode(&self->reply, &status);
    service_reply(self, &request->peer, &self->reply);
}

static void answer(void *arg, struct bus_frame *request)
{
    struct service *self = arg;

    if (request->head.type == WIRE_TYPE_STATUS)
        answer_status(self, request);
    else if (self->on_command)
        self->on_command(self->on_command_arg, request);
    else
        service_reply_status(self, &request->peer, request->head.trace, WIRE_INVALID,
                             "this daemon takes no such command");
}

zsock_t *service_control(struct service *self)
{
    return self->control;
}

void service_on_control(struct service *self)
{
    *self->malformed += bus_drain(self->control, CONTROL_BATCH, answer, self);
}

static int on_control(zloop_t *loop, zsock_t *sock, void *arg)
{
    (void)loop;
    (void)sock;
    service_on_control(arg);
    return 0;
}

/* A signal may be caught by another thread, or just before the loop sleeps: it is looked at when
 * the loop wakes, so it wakes. */
static int on_look_for_signal(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    (void)arg;
    return 0;
}

zloop_t *service_loop(struct service *self)
{
    if (!self->loop) {
        self->loop = zloop_new();
        zloop_reader(self->loop, self->control, on_control, self);
        zloop_reader_set_tolerant(self->loop, self->control);
        zloop_timer(self->loop, SIGNAL_MS, 0, on_look_for_signal, NULL);
    }
    return self->loop;
}

int service_run(struct service *self)
{
    int rc = zloop_start(service_loop(self));

    log_info("stopped", "reason=%s", rc == 0 ? "signal" : "own");
    return rc == 0 ? 0 : -ECANCELED;
}
