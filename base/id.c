/* Ids: hashing by SHA-256 (OpenSSL), text by RFC 4648 base32. */
#include "base/id.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
static void (*source)(void *data, size_t len);

static void fill(void *data, size_t len)
{
    if (source)
        source(data, len);
    else if (RAND_bytes(data, (int)len) != 1)
        abort(); /* no randomness: nothing can be kept secret */
}

void id_replace_source(void (*fill_fn)(void *data, size_t len))
{
    source = fill_fn;
}

struct id id_random(void)
{
    struct id id;

    fill(&id, sizeof id);
    return id;
}

bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool id_is_zero(const struct id *id)
{
    static const struct id zero;

    return id_equal(id, &zero);
}

unsigned id_partition(const struct id *id)
{
    return id->bytes[0] % ID_PARTITIONS;
}

static void encode(const uint8_t *data, size_t len, char *text)
{
    uint32_t bits = 0;
    unsigned count = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        for (count += 8; count >= 5; count -= 5)
            *text++ = base32[bits >> (count - 5) & 31];
    }
    if (count)
        *text++ = base32[bits << (5 - count) & 31];
    *text = '\0';
}

static int digit(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* The unused bits of the last digit must be 0: one id has one text. */
static int decode(const char *text, uint8_t *data, size_t len)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t digits = (len * 8 + 4) / 5;

    if (strnlen(text, digits + 1) != digits)
        return -EPROTO;
    for (size_t i = 0; i < digits; i++) {
        int value = digit(text[i]);

        if (value < 0)
            return -EPROTO;
        bits = bits << 5 | (uint32_t)value;
        count += 5;
        if (count >= 8) {
            count -= 8;
            *data++ = (uint8_t)(bits >> count);
        }
    }
    return bits & ((1u << count) - 1) ? -EPROTO : 0;
}

void id_to_text(const struct id *id, char ret_text[ID_TEXT])
{
    encode(id->bytes, sizeof id->bytes, ret_text);
}

int id_from_text(struct id *ret, const char *text)
{
    struct id id;

    if (decode(text, id.bytes, sizeof id.bytes) < 0)
        return -EPROTO;
    *ret = id;
    return 0;
}

void id_message_to_text(const struct id *conversation, uint64_t seq, char ret_text[ID_MESSAGE_TEXT])
{
    uint8_t both[24];

    memcpy(both, conversation, 16);
    for (int i = 0; i < 8; i++)
        both[16 + i] = (uint8_t)(seq >> (56 - 8 * i));
    encode(both, sizeof both, ret_text);
}

int id_message_from_text(struct id *ret_conversation, uint64_t *ret_seq, const char *text)
{
    uint8_t both[24];
    uint64_t seq = 0;

    if (decode(text, both, sizeof both) < 0)
        return -EPROTO;
    for (int i = 0; i < 8; i++)
        seq = seq << 8 | both[16 + i];
    memcpy(ret_conversation, both, 16);
    *ret_seq = seq;
    return 0;
}

/* One context per thread, kept between hashes and freed when the thread ends. */
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static pthread_key_t context_key;
static EVP_MD *sha256;

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

static void prepare(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (pthread_key_create(&context_key, free_context) != 0)
        abort();
}

static EVP_MD_CTX *thread_context(void)
{
    EVP_MD_CTX *context;

    pthread_once(&prepared, prepare);
    context = pthread_getspecific(context_key);
    if (!context) {
        context = EVP_MD_CTX_new();
        pthread_setspecific(context_key, context);
    }
    return context;
}

/* SHA-256 over a domain name (so that hashes of different things never meet) and up to two pieces.
 */
static void digest(const char *domain, const void *a, size_t a_len, const void *b, size_t b_len,
                   uint8_t ret[32])
{
    EVP_MD_CTX *context = thread_context();

    if (!context || !sha256 || EVP_DigestInit_ex2(context, sha256, NULL) != 1 ||
        EVP_DigestUpdate(context, domain, strlen(domain) + 1) != 1 ||
        EVP_DigestUpdate(context, a, a_len) != 1 || EVP_DigestUpdate(context, b, b_len) != 1 ||
        EVP_DigestFinal_ex(context, ret, NULL) != 1)
        abort();
}

static struct id digest_id(const char *domain, const struct id *a, const void *b, size_t b_len)
{
    uint8_t hash[32];
    struct id id;

    digest(domain, a, sizeof *a, b, b_len, hash);
    memcpy(&id, hash, sizeof id);
    return id;
}

struct id id_of_conversation(const struct id *creator, const void *client_id, size_t len)
{
    return digest_id("conversation", creator, client_id, len);
}

struct id id_of_pair(const struct id *a, const struct id *b)
{
    bool swap = memcmp(a, b, sizeof *a) > 0;

    return digest_id("pair", swap ? b : a, swap ? a : b, sizeof *a);
}

struct id id_of_session(const struct id *user)
{
    struct id id = id_random();

    id.bytes[0] = user->bytes[0];
    return id;
}

struct id id_of_client(const struct id *sender, const void *client_id, size_t len)
{
    return digest_id("client", sender, client_id, len);
}

uint64_t id_fingerprint(uint8_t kind, const void *body, size_t len)
{
    uint8_t hash[32];
    uint64_t print = 0;

    digest("request", &kind, sizeof kind, body, len, hash);
    memcpy(&print, hash, sizeof print);
    return print;
}
