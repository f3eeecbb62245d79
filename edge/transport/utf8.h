/* Whether bytes are UTF-8 (no surrogates, no overlong forms, nothing above U+10FFFF). */
#pragma once

#include "base/base.h"

bool utf8_is_valid(const void *data, size_t len);
