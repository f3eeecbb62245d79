/* Access tokens, and every way to forge one. */
#include "tests/lib/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/api/refresh.h"
#include "edge/api/token.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW 1800000000

static char folder[64];

static char *write_key(const char *name, const char *text, mode_t mode)
{
    char *path = NULL;
    int fd;

    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static struct token_key *open_key(const char *name, const char *text)
{
    AUTO(base_free_text) char *path = write_key(name, text, 0600);
    char *why = NULL;
    struct token_key *key = NULL;

    assert_int_equal(token_key_new(&key, path, &why), 0);
    unlink(path);
    return key;
}

static struct token_claims some_claims(void)
{
    return (struct token_claims){id_random(), id_random(), NOW, NOW + 900};
}

static int setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/parley-token-XXXXXX");
    assert_non_null(mkdtemp(folder));
    *state = open_key("key", KEY);
    return 0;
}

static int teardown(void **state)
{
    struct token_key *key = *state;

    token_key_free(&key);
    return rmdir(folder);
}

static void test_a_token_holds_what_was_signed(void **state)
{
    struct token_claims claims = some_claims(), back;
    AUTO(base_free_text) char *token = token_sign(*state, &claims);
    AUTO(base_free_text) char *again = token_sign(*state, &claims);

    assert_string_equal(token, again);
    assert_int_equal(token_check(*state, token, NOW, &back), TOKEN_GOOD);
    assert_memory_equal(&claims, &back, sizeof claims);
}

static void test_a_token_ends(void **state)
{
    struct token_claims claims = some_claims();
    AUTO(base_free_text) char *token = token_sign(*state, &claims);

    assert_int_equal(token_check(*state, token, NOW + 899, &claims), TOKEN_GOOD);
    assert_int_equal(token_check(*state, token, NOW + 906, &claims), TOKEN_EXPIRED);
    assert_int_equal(token_check(*state, "", NOW, &claims), TOKEN_MISSING);
    assert_int_equal(token_check(*state, NULL, NOW, &claims), TOKEN_MISSING);
}

static void test_a_token_with_any_character_changed_is_refused(void **state)
{
    struct token_claims claims = some_claims(), back;
    AUTO(base_free_text) char *token = token_sign(*state, &claims);
    size_t len = strlen(token);

    /* but for the last: base64 has bits there that mean nothing */
    for (size_t i = 0; i + 1 < len; i++) {
        char was = token[i];

        token[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(token_check(*state, token, NOW, &back), TOKEN_INVALID);
        token[i] = was;
    }
    token[len / 2] = '\0';
    assert_int_equal(token_check(*state, token, NOW, &back), TOKEN_INVALID);
}

/* Another part of a token, behind a dot. */
static void add_base64url(char *out, const void *data, size_t len)
{
    char *at = out + strlen(out);

    if (at != out)
        *at++ = '.';
    EVP_EncodeBlock((unsigned char *)at, data, (int)len);
    for (; *at && *at != '='; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    *at = '\0';
}

/* A token of this header and these claims, signed by HMAC with the digest (NULL: not at all). */
static const char *forge(const char *header, const char *claims, const EVP_MD *digest)
{
    static char text[4096];
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    text[0] = '\0';
    add_base64url(text, header, strlen(header));
    add_base64url(text, claims, strlen(claims));
    if (digest)
        HMAC(digest, KEY, (int)strlen(KEY), (uint8_t *)text, strlen(text), mac, &len);
    add_base64url(text, mac, len);
    return text;
}

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define ID "bbbbbbbbbbbbbbbbbbbbbbbbba"
#define REST_OF_CLAIMS "\"iat\":1800000000,\"sub\":\"" ID "\",\"sid\":\"" ID "\""
#define GOOD "{\"aud\":\"parley\",\"iss\":\"parley\",\"exp\":1800000900," REST_OF_CLAIMS "}"

static enum token_result check(void **state, const char *token)
{
    struct token_claims claims;

    return token_check(*state, token, NOW, &claims);
}

static void test_only_our_algorithm_counts(void **state)
{
    assert_int_equal(check(state, forge(HS256, GOOD, EVP_sha256())), TOKEN_GOOD);
    assert_int_equal(check(state, forge("{\"alg\":\"HS384\",\"typ\":\"JWT\"}", GOOD, EVP_sha384())),
                     TOKEN_INVALID);
    assert_int_equal(check(state, forge("{\"alg\":\"HS512\",\"typ\":\"JWT\"}", GOOD, EVP_sha512())),
                     TOKEN_INVALID);
    assert_int_equal(check(state, forge("{\"alg\":\"RS256\",\"typ\":\"JWT\"}", GOOD, EVP_sha256())),
                     TOKEN_INVALID);
    assert_int_equal(check(state, forge("{\"alg\":\"none\",\"typ\":\"JWT\"}", GOOD, NULL)),
                     TOKEN_INVALID);
    assert_int_equal(check(state, forge("{\"typ\":\"JWT\"}", GOOD, NULL)), TOKEN_INVALID);
    assert_int_equal(check(state, forge(HS256, GOOD, NULL)), TOKEN_INVALID);
}

static void test_every_claim_is_checked(void **state)
{
    static const char *const bad[] = {
        "{\"aud\":\"other\",\"iss\":\"parley\",\"exp\":1800000900," REST_OF_CLAIMS "}",
        "{\"aud\":\"parley\",\"iss\":\"other\",\"exp\":1800000900," REST_OF_CLAIMS "}",
        "{\"iss\":\"parley\",\"exp\":1800000900," REST_OF_CLAIMS "}",
        "{\"aud\":\"parley\",\"exp\":1800000900," REST_OF_CLAIMS "}",
        "{\"aud\":\"parley\",\"iss\":\"parley\"," REST_OF_CLAIMS "}",
        "{\"aud\":\"parley\",\"iss\":\"parley\",\"exp\":\"x\"," REST_OF_CLAIMS "}",
        "{\"aud\":\"parley\",\"iss\":\"parley\",\"exp\":-1," REST_OF_CLAIMS "}",
        "{\"aud\":\"parley\",\"iss\":\"parley\",\"exp\":1800000900,\"nbf\":"
        "1800000100," REST_OF_CLAIMS "}",
        "{\"aud\":\"parley\",\"iss\":\"parley\",\"exp\":1800000900,\"iat\":1800000000,\"sid\":\"" ID
        "\"}",
        "{\"aud\":\"parley\",\"iss\":\"parley\",\"exp\":1800000900,\"iat\":1800000000,\"sub\":\"" ID
        "\",\"sid\":\"x\"}",
        "[]",
        "",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(check(state, forge(HS256, bad[i], EVP_sha256())), TOKEN_INVALID);
}

static void test_clocks_that_are_set_back_turn_nobody_away(void **state)
{
    static const char ahead[] = "{\"aud\":\"parley\",\"iss\":\"parley\",\"exp\":1800004500,\"iat\":"
                                "1800003600,\"sub\":\"" ID "\",\"sid\":\"" ID "\"}";

    assert_int_equal(check(state, forge(HS256, ahead, EVP_sha256())), TOKEN_GOOD);
}

static void test_another_key_refuses_it(void **state)
{
    struct token_claims claims = some_claims();
    AUTO(base_free_text) char *token = token_sign(*state, &claims);
    AUTO(token_key_free)
    struct token_key *other = open_key("other", "another key, another key, another key");

    assert_int_equal(token_check(other, token, NOW, &claims), TOKEN_INVALID);
}

static void refuses(const char *path, const char *expected)
{
    AUTO(base_free_text) char *why = NULL;
    struct token_key *key = NULL;

    assert_true(token_key_new(&key, path, &why) < 0);
    assert_null(key);
    assert_non_null(strstr(why, expected));
}

static void test_a_key_file_must_be_secret_and_long_enough(void **state)
{
    AUTO(base_free_text) char *open_to_all = write_key("open", KEY, 0644);
    AUTO(base_free_text) char *brief = write_key("brief", "short", 0600);

    (void)state;
    refuses(open_to_all, "can be read");
    refuses(brief, "32 to 4096 bytes");
    refuses("/nonexistent/key", "No such file");
    refuses("", "must name a file");
    unlink(open_to_all);
    unlink(brief);
}

static void test_a_refresh_token_survives_its_text(void **state)
{
    struct id session = id_random();
    struct refresh refresh = refresh_random(&session), back;
    char text[REFRESH_TEXT];

    (void)state;
    refresh_to_text(&refresh, text);
    assert_int_equal(refresh_from_text(&back, text), 0);
    assert_memory_equal(&refresh, &back, sizeof refresh);
    text[40] = '!';
    assert_int_equal(refresh_from_text(&back, text), -EPROTO);
    assert_int_equal(refresh_from_text(&back, ""), -EPROTO);
}

static void test_the_next_secret_is_the_same_under_the_same_key_only(void **state)
{
    struct id session = id_random();
    struct refresh old = refresh_random(&session);
    struct refresh a = refresh_next(&old, *state, "k1"), b = refresh_next(&old, *state, "k1");
    struct refresh c = refresh_next(&old, *state, "k2"), d = refresh_next(&old, *state, "");
    struct refresh e = refresh_next(&old, *state, "");

    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(a.secret, old.secret, sizeof a.secret);
    assert_memory_not_equal(a.secret, c.secret, sizeof a.secret);
    assert_memory_not_equal(d.secret, e.secret, sizeof d.secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_holds_what_was_signed),
        cmocka_unit_test(test_a_token_ends),
        cmocka_unit_test(test_a_token_with_any_character_changed_is_refused),
        cmocka_unit_test(test_only_our_algorithm_counts),
        cmocka_unit_test(test_every_claim_is_checked),
        cmocka_unit_test(test_clocks_that_are_set_back_turn_nobody_away),
        cmocka_unit_test(test_another_key_refuses_it),
        cmocka_unit_test(test_a_key_file_must_be_secret_and_long_enough),
        cmocka_unit_test(test_a_refresh_token_survives_its_text),
        cmocka_unit_test(test_the_next_secret_is_the_same_under_the_same_key_only),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
