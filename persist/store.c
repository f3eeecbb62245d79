/* The stores by name. */
#include "persist/store.h"

#include <errno.h>
#include <string.h>

const struct store_ops *store_find(const char *kind)
{
    static const struct store_ops *const all[] = {&store_sqlite, &store_mongo};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (strcmp(all[i]->kind, kind) == 0)
            return all[i];
    return NULL;
}

int store_claim(struct store *self, const struct wire_holding *holding)
{
    uint64_t taken = 0;
    int rc = self->ops->claim(self, holding, 1, &taken);

    return rc == 0 && taken ? -EEXIST : rc;
}
