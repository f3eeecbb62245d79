/* The stores by name. */
#include "persist/store.h"

#include <string.h>

const struct store_ops *store_find(const char *kind)
{
    static const struct store_ops *const all[] = {&store_sqlite, &store_mongo};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (strcmp(all[i]->kind, kind) == 0)
            return all[i];
    return NULL;
}
