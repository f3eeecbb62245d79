/* Secrets, folders and the lock. */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/first_start.h"
#include "tests/admin/folder.h"

static void
test_the_first_start_makes_a_key_for_its_owner_alone_and_later_ones_keep_it(void **state)
{
    struct folder folder;
    struct stat info;
    char path[128];
    AUTO(base_free_text) char *why = NULL;
    AUTO(base_free_text) char *first = NULL;
    AUTO(base_free_text) char *second = NULL;

    (void)state;
    folder_make(&folder, "bus\n    dir = sockets\n");
    assert_int_equal(first_start_prepare(folder.place, &why), 0);
    first = folder_read(&folder, "secrets/jwt.key");
    assert_non_null(first);
    assert_int_equal(strlen(first), 64);
    assert_int_equal(strspn(first, "0123456789abcdef"), 64);
    snprintf(path, sizeof path, "%s/secrets/jwt.key", folder.path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/secrets", folder.path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/sockets", folder.path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(first_start_prepare(folder.place, &why), 0);
    second = folder_read(&folder, "secrets/jwt.key");
    assert_string_equal(first, second);
    folder_remove(&folder);
}

static void test_the_key_lies_where_the_configuration_says(void **state)
{
    struct folder folder;
    AUTO(base_free_text) char *why = NULL;
    AUTO(base_free_text) char *key = NULL;

    (void)state;
    folder_make(&folder, "edge\n    jwt_key = mine.key\n    port = 9\n");
    assert_int_equal(first_start_prepare(folder.place, &why), 0);
    key = folder_read(&folder, "mine.key");
    assert_non_null(key);
    folder_remove(&folder);
}

static void test_a_second_supervisor_is_told_who_has_the_installation(void **state)
{
    struct folder folder;
    AUTO(base_free_text) char *why = NULL;
    char pid[16];
    int lock;

    (void)state;
    folder_make(&folder, "log\n    level = info\n");
    lock = first_start_lock(folder.place, &why);
    assert_true(lock >= 0);
    assert_int_equal(first_start_lock(folder.place, &why), -EBUSY);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_non_null(strstr(why, pid));
    close(lock);
    free(TAKE(why));
    lock = first_start_lock(folder.place, &why);
    assert_true(lock >= 0);
    close(lock);
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_the_first_start_makes_a_key_for_its_owner_alone_and_later_ones_keep_it),
        cmocka_unit_test(test_the_key_lies_where_the_configuration_says),
        cmocka_unit_test(test_a_second_supervisor_is_told_who_has_the_installation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
