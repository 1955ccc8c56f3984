/* Characters in UTF-8 (RFC 3629), for those who have to refuse what is none. */
#ifndef RESTANTE_BASE_UTF8_H
#define RESTANTE_BASE_UTF8_H

#include "restante/str.h"

/* Octets of the character at the front, 0 = none: ASCII, ill-formed, control (U+0080 to U+009F). */
size_t utf8_character(struct str s);

#endif
