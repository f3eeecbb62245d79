/* The vocabulary of the whole program: ownership by attribute, checked results, allocation that
 * cannot fail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls f(&variable) when the variable's scope ends. f takes a pointer to it and accepts NULL in
 * it. */
#define AUTO(f) __attribute__((cleanup(f)))

/* The value of p, which becomes NULL: how a function gives away what AUTO would release. */
#define TAKE(p)                     \
    __extension__({                 \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((__format__(__printf__, at, first)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of the given type that holds member at address p. */
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* A zeroed T on the heap; running out of memory ends the program, so every size that a peer chooses
 * is held against a limit before it comes here. Released by free(). */
#define NEW(type) ((type *)base_alloc(1, sizeof(type)))
#define NEW_ARRAY(count, type) ((type *)base_alloc((count), sizeof(type)))

/* count * size zeroed bytes; aborts when there are none. */
void *base_alloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/* p with room for count * size bytes, as realloc; aborts when there are none. */
void *base_realloc(void *p, size_t count, size_t size) __attribute__((returns_nonnull));

/* A copy of text, to be released by free(). */
char *base_strdup(const char *text) __attribute__((malloc, returns_nonnull));

/* For AUTO: frees what the char pointer holds. */
void base_free_text(char **text);
