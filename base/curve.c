/* Certificates in a folder, and czmq's authenticator over the same folder. */
#include "base/curve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOMAIN "parley"

/* ZeroMQ asks one authenticator per context, and czmq has one context per process. */
static struct {
    zcert_t *own;
    char *folder;
    zactor_t *auth;
} keys;

static char *path_of(const char *folder, const char *name, const char *ending)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s.cert%s", folder, name, ending) < 0)
        abort();
    return path;
}

static bool is_there(const char *folder, const char *name, const char *ending)
{
    AUTO(base_free_text) char *path = path_of(folder, name, ending);

    return access(path, R_OK) == 0;
}

static zcert_t *load(const char *folder, const char *name)
{
    AUTO(base_free_text) char *path = path_of(folder, name, "");

    return zcert_load(path); /* takes the secret half when that is there */
}

static int start_authenticator(const char *folder)
{
    keys.auth = zactor_new(zauth, NULL);
    if (!keys.auth)
        return -ENOMEM;
    if (zstr_sendx(keys.auth, "CURVE", folder, NULL) < 0)
        return -EIO;
    zsock_wait(keys.auth);
    return 0;
}

int curve_start(const char *folder, const char *name, char **ret_why)
{
    if (keys.own)
        return 0;
    if (is_there(folder, name, "_secret"))
        keys.own = load(folder, name);
    if (!keys.own) {
        if (asprintf(ret_why,
                     "bus/hosts is set, but %s/%s.cert_secret cannot be read: make it by `parley "
                     "keys` and copy the .cert files to every host",
                     folder, name) < 0)
            abort();
        return -ENOKEY;
    }
    keys.folder = base_strdup(folder);
    return start_authenticator(folder);
}

void curve_stop(void)
{
    zactor_destroy(&keys.auth);
    zcert_destroy(&keys.own);
    free(keys.folder);
    keys.folder = NULL;
}

int curve_serve(zsock_t *sock)
{
    if (!keys.own)
        return -ENOKEY;
    zcert_apply(keys.own, sock);
    zsock_set_curve_server(sock, 1);
    zsock_set_zap_domain(sock, DOMAIN);
    zsock_set_zap_enforce_domain(sock, 1); /* without an authenticator nobody is let in */
    return 0;
}

int curve_reach(zsock_t *sock, const char *peer)
{
    AUTO(zcert_destroy) zcert_t *cert = keys.own ? load(keys.folder, peer) : NULL;

    if (!cert)
        return -ENOKEY;
    zcert_apply(keys.own, sock);
    zsock_set_curve_serverkey(sock, zcert_public_txt(cert));
    return 0;
}

int curve_make(const char *folder, const char *name)
{
    AUTO(base_free_text) char *path = path_of(folder, name, "");
    AUTO(zcert_destroy) zcert_t *cert = NULL;

    if (access(path, F_OK) == 0)
        return 0;
    if (zsys_dir_create("%s", folder) < 0 || chmod(folder, 0700) < 0)
        return -errno;
    cert = zcert_new();
    if (!cert)
        return -ENOTSUP;
    zcert_set_meta(cert, "name", "%s", name);
    return zcert_save(cert, path) < 0 ? -EIO : 1;
}
