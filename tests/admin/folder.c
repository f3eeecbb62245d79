/* mkdtemp, and its end. */
#include "tests/admin/folder.h"

#include "tests/lib/cmocka.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static void file_path(const struct folder *self, const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", self->path, name);
}

void folder_write(const struct folder *self, const char *name, const char *text)
{
    char path[256];
    int fd;

    file_path(self, name, path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, text[0] == '#' ? 0700 : 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

char *folder_read(const struct folder *self, const char *name)
{
    char path[256], text[4096];
    ssize_t len;
    int fd;

    file_path(self, name, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    return base_strdup(text);
}

void folder_make(struct folder *self, const char *text)
{
    char path[256];
    AUTO(base_free_text) char *why = NULL;

    strcpy(self->path, "/tmp/parley-admin-XXXXXX");
    assert_non_null(mkdtemp(self->path));
    folder_write(self, "parley.cfg", text);
    file_path(self, "parley.cfg", path);
    self->place = NULL;
    assert_int_equal(place_open(&self->place, path, &why), 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void folder_remove(struct folder *self)
{
    place_close(&self->place);
    nftw(self->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
