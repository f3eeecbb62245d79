/* libclamav as an engine. Its limits fail open by nature (what it did not look at is "clean"); here
 * they fail closed. */
#include "scan/engine.h"

#include <clamav.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

struct clamav {
    struct engine engine;
    struct cl_engine *cl;
    uint64_t file_bytes;
};

static void on_message(enum cl_msg severity, const char *full, const char *text, void *context)
{
    (void)full;
    (void)context;
    if (severity == CL_MSG_INFO_VERBOSE)
        log_debug("clamav", "text=%s", log_quote(text));
    else
        log_warn("clamav", "text=%s", log_quote(text));
}

static int complain(char **ret_why, const char *what, const char *path, int cl_error)
{
    if (asprintf(ret_why, "%s %s: %s", what, path, cl_strerror((cl_error_t)cl_error)) < 0)
        abort();
    return -EIO;
}

/* A packed file beyond MAX_FILESIZE would be cut there, and the rest never looked at, without a
 * word: so MAX_SCANSIZE, which does speak up, has to be met first. */
static int set_limits(struct cl_engine *cl, const struct engine_limits *limits)
{
    const struct {
        enum cl_engine_field field;
        uint64_t value;
    } settings[] = {
        {CL_ENGINE_MAX_FILESIZE, limits->total_bytes + 1},
        {CL_ENGINE_MAX_SCANSIZE, limits->total_bytes},
        {CL_ENGINE_MAX_RECURSION, limits->depth},
        {CL_ENGINE_MAX_FILES, limits->files},
        {CL_ENGINE_MAX_SCANTIME, limits->time_ms},
    };

    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        int rc = (int)cl_engine_set_num(cl, settings[i].field, (long long int)settings[i].value);

        if (rc != CL_SUCCESS)
            return rc;
    }
    return CL_SUCCESS;
}

static void clamav_close(struct engine **engine)
{
    struct clamav *self = *engine ? CONTAINER_OF(*engine, struct clamav, engine) : NULL;

    if (!self)
        return;
    if (self->cl)
        cl_engine_free(self->cl);
    free(self);
    *engine = NULL;
}

/* It looks for a module to unpack rar with. What glibc keeps of that failure goes when it is asked
 * once more, or with the thread, whose end nobody waits for. */
static int start_library(void)
{
    int rc = (int)cl_init(CL_INIT_DEFAULT);

    while (dlerror())
        continue;
    return rc;
}

static int load(struct clamav *self, const char *database, const struct engine_limits *limits,
                unsigned *signatures, char **ret_why)
{
    int rc = start_library();

    if (rc != CL_SUCCESS)
        return complain(ret_why, "cannot start", "libclamav", rc);
    cl_set_clcb_msg(on_message);
    self->cl = cl_engine_new();
    if (!self->cl)
        return complain(ret_why, "cannot start", "libclamav", CL_EMEM);
    rc = set_limits(self->cl, limits);
    if (rc != CL_SUCCESS)
        return complain(ret_why, "limits refused by", "libclamav", rc);
    rc = (int)cl_load(database, self->cl, signatures, CL_DB_STDOPT);
    if (rc == CL_SUCCESS)
        rc = (int)cl_engine_compile(self->cl);
    return rc == CL_SUCCESS ? 0 : complain(ret_why, "cannot load the signatures", database, rc);
}

static int clamav_open(struct engine **ret, const char *database,
                       const struct engine_limits *limits, unsigned *ret_signatures, char **ret_why)
{
    struct clamav *self = NEW(struct clamav);
    struct engine *engine = &self->engine;
    unsigned signatures = 0;
    int rc;

    engine->ops = &engine_clamav;
    self->file_bytes = limits->file_bytes;
    rc = load(self, database, limits, &signatures, ret_why);
    if (rc < 0) {
        clamav_close(&engine);
        return rc;
    }
    *ret_signatures = signatures;
    *ret = engine;
    return 0;
}

static struct cl_scan_options scan_options(void)
{
    return (struct cl_scan_options){
        .general = CL_SCAN_GENERAL_HEURISTICS | CL_SCAN_GENERAL_HEURISTIC_PRECEDENCE,
        .parse = ~0U,
        .heuristic = CL_SCAN_HEURISTIC_EXCEEDS_MAX | CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE |
                     CL_SCAN_HEURISTIC_ENCRYPTED_DOC,
    };
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void set_result(struct engine_result *ret, enum engine_verdict verdict, const char *text)
{
    ret->verdict = verdict;
    snprintf(ret->text, sizeof ret->text, "%s", text);
}

/* A limit that was met is reported as a virus whose name says so, or that has no name at all. */
static void judge(cl_error_t code, const char *virus, struct engine_result *ret)
{
    if (code == CL_CLEAN)
        set_result(ret, ENGINE_CLEAN, "");
    else if (code != CL_VIRUS)
        set_result(ret, ENGINE_FAILED, cl_strerror(code));
    else if (!virus || begins_with(virus, "Heuristics.Limits.Exceeded"))
        set_result(ret, ENGINE_FAILED, "not all of it could be scanned: a limit was met");
    else if (begins_with(virus, "Heuristics.Encrypted"))
        set_result(ret, ENGINE_FAILED, "not all of it could be scanned: it is encrypted");
    else
        set_result(ret, ENGINE_INFECTED, virus);
}

/* Why there is nothing to scan; NULL: there is. */
static const char *refuse(const struct clamav *self, int fd)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return strerror(errno);
    if (!S_ISREG(info.st_mode))
        return "not a file";
    return (uint64_t)info.st_size > self->file_bytes ? "larger than scan/file_bytes" : NULL;
}

static void scan_open_file(struct clamav *self, int fd, const char *path, struct engine_result *ret)
{
    struct cl_scan_options options = scan_options();
    unsigned long scanned = 0;
    const char *virus = NULL;
    const char *refusal = refuse(self, fd);

    if (refusal) {
        set_result(ret, ENGINE_FAILED, refusal);
    } else {
        cl_error_t code = cl_scandesc(fd, path, &virus, &scanned, self->cl, &options);

        judge(code, virus, ret);
    }
}

static void clamav_scan_file(struct engine *engine, const char *path, struct engine_result *ret)
{
    struct clamav *self = CONTAINER_OF(engine, struct clamav, engine);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe must not hold us */

    if (fd < 0) {
        set_result(ret, ENGINE_FAILED, strerror(errno));
        return;
    }
    scan_open_file(self, fd, path, ret);
    close(fd);
}

static void clamav_scan_bytes(struct engine *engine, const void *data, size_t len,
                              struct engine_result *ret)
{
    struct clamav *self = CONTAINER_OF(engine, struct clamav, engine);
    struct cl_scan_options options = scan_options();
    unsigned long scanned = 0;
    const char *virus = NULL;
    cl_error_t code;
    cl_fmap_t *map = cl_fmap_open_memory(data, len);

    if (!map) {
        set_result(ret, ENGINE_FAILED, "no memory map");
        return;
    }
    code = cl_scanmap_callback(map, NULL, &virus, &scanned, self->cl, &options, NULL);
    judge(code, virus, ret);
    cl_fmap_close(map);
}

const struct engine_ops engine_clamav = {
    .name = "clamav",
    .open = clamav_open,
    .scan_file = clamav_scan_file,
    .scan_bytes = clamav_scan_bytes,
    .close = clamav_close,
};
