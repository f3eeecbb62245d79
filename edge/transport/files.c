/* Static files: what the web client's bundler made. Own code instead of a libwebsockets mount,
 * which knows few suffixes and looks every path up on disk before it asks. */
#include "edge/transport/private.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LIMIT 1024

static const char *type_of(const char *path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".wasm", "application/wasm"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".gif", "image/gif"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < COUNT_OF(types); i++) {
        if (strcmp(dot, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* A descriptor of a regular file below the directory, or −1. Nothing whose name begins with a dot
 * is served; libwebsockets has resolved "." and ".." before. */
static int open_file(const char *directory, const char *path, struct stat *ret_stat)
{
    char name[PATH_LIMIT];
    size_t len = strlen(path);
    int n = snprintf(name, sizeof(name), "%s%s%s", directory, path,
                     len && path[len - 1] == '/' ? "index.html" : "");
    int fd;

    if (n < 0 || (size_t)n >= sizeof(name) || strstr(path, "/."))
        return -1;
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, ret_stat) < 0 || !S_ISREG(ret_stat->st_mode)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool is_known(const struct http_request *request, const char *tag)
{
    char known[256];

    return http_header(request, "if-none-match", known, sizeof(known)) > 0 && strstr(known, tag);
}

/* Names under /assets/ contain a hash of the content: those never change. */
static void put_headers(char *ret, size_t room, const char *path, const char *tag)
{
    bool fixed = strncmp(path, "/assets/", 8) == 0;

    snprintf(ret, room, "ETag: %s\r\nCache-Control: %s\r\nX-Content-Type-Options: nosniff\r\n", tag,
             fixed ? "public, max-age=31536000, immutable" : "no-cache");
}

void files_answer(struct http_request **request, const char *directory)
{
    enum http_method method = http_method(*request);
    const char *path = http_path(*request);
    struct http_answer answer = {.status = 200};
    char tag[64], headers[256];
    struct stat stat;
    int fd = directory ? open_file(directory, path, &stat) : -1;

    if (fd < 0) {
        http_answer_text(request, 404, "text/plain", "Not Found");
        return;
    }
    snprintf(tag, sizeof(tag), "\"%llx-%llx\"", (unsigned long long)stat.st_size,
             (unsigned long long)stat.st_mtim.tv_sec * 1000000000ULL +
                 (unsigned long long)stat.st_mtim.tv_nsec);
    put_headers(headers, sizeof(headers), path, tag);
    answer.headers = headers;
    if (method != HTTP_GET && method != HTTP_HEAD) {
        close(fd);
        http_answer_text(request, 405, "text/plain", "Method Not Allowed");
    } else if (is_known(*request, tag)) {
        close(fd);
        answer.status = 304;
        http_answer(request, &answer);
    } else {
        answer.type = type_of(path[strlen(path) - 1] == '/' ? ".html" : path);
        http_answer_file(request, &answer, fd, (uint64_t)stat.st_size);
    }
}
