/* Secrets, the folder of the sockets, and the lock beside the configuration. */
#include "admin/first_start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/why.h"

#define KEY_BYTES 32
#define LOCK_NAME "parley.lock"

static const struct conf_key jwt_key = CONF_PATH("edge/jwt_key", "secrets/jwt.key", "");

static int complain(char **ret_why, const char *what, const char *path)
{
    return why_say(ret_why, -errno, "%s %s: %s", what, path, strerror(errno));
}

static int make_folder(const char *path, char **ret_why)
{
    if (path[0] == '\0' || mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return complain(ret_why, "cannot make the folder", path);
}

static int write_all(int fd, const char *text)
{
    size_t len = strlen(text);

    if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0)
        return -errno;
    return 0;
}

/* Under another name first: a key is there whole or not at all. */
static int make_key(const char *path, char **ret_why)
{
    uint8_t key[KEY_BYTES];
    char text[2 * KEY_BYTES + 1];
    AUTO(base_free_text) char *draft = NULL;
    int fd, rc;

    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        return complain(ret_why, "no random bytes for", path);
    for (size_t i = 0; i < sizeof key; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
    if (asprintf(&draft, "%s.new", path) < 0)
        abort();
    unlink(draft);
    fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return complain(ret_why, "cannot write", draft);
    rc = write_all(fd, text);
    close(fd);
    if (rc < 0 || rename(draft, path) < 0)
        return complain(ret_why, "cannot write", path);
    return 0;
}

static int ensure_key(const char *path, char **ret_why)
{
    const char *slash = strrchr(path, '/');
    AUTO(base_free_text) char *folder = strndup(path, slash ? (size_t)(slash - path) : 0);

    if (path[0] == '\0' || access(path, F_OK) == 0)
        return 0;
    if (make_folder(folder, ret_why) < 0)
        return -EIO;
    return make_key(path, ret_why);
}

int first_start_prepare(struct place *place, char **ret_why)
{
    int rc = make_folder(conf_path(place->conf, "bus/dir"), ret_why);

    for (size_t i = 0; i < place->count && rc == 0; i++) {
        AUTO(base_free_text) char *path = NULL;

        if (!place_has_role(place->daemons[i], "edge"))
            continue;
        path = place_path(place, place->daemons[i], &jwt_key);
        if (path)
            rc = ensure_key(path, ret_why);
    }
    return rc;
}

static int complain_of_holder(int fd, const char *path, char **ret_why)
{
    char pid[16] = "";
    ssize_t len = pread(fd, pid, sizeof pid - 1, 0);

    pid[len > 0 ? len : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return why_say(ret_why, -EBUSY, "Parley runs here already, as process %s (it holds %s)",
                   pid[0] ? pid : "?", path);
}

int first_start_lock(struct place *place, char **ret_why)
{
    AUTO(base_free_text) char *path = NULL;
    char pid[16];
    int fd, rc;

    if (asprintf(&path, "%s" LOCK_NAME, place->folder) < 0)
        abort();
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return complain(ret_why, "cannot open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        rc = errno == EWOULDBLOCK ? complain_of_holder(fd, path, ret_why)
                                  : complain(ret_why, "cannot lock", path);
        close(fd);
        return rc;
    }
    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0) {
        rc = complain(ret_why, "cannot write", path);
        close(fd);
        return rc;
    }
    return fd;
}
