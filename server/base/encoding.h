/*
 * Hexadecimal and base64, as password schemes, sealed secrets and SASL write them. One stray octet
 * is an error.
 */
#ifndef RESTANTE_ENCODING_H
#define RESTANTE_ENCODING_H

#include "restante/compiler.h"
#include "restante/str.h"

/* Either case. */
MUST_USE bool hex_decode(struct str text, unsigned char *to, size_t cap, size_t *n);
/* Lower case, NUL-terminated: `cap` must be 2 * n + 1 at least. */
MUST_USE bool hex_encode(const unsigned char *octets, size_t n, char *to, size_t cap);
/*
 * RFC 4648; padding may be missing, and "." may stand for "+" (the form of OpenLDAP and Passlib).
 */
MUST_USE bool base64_decode(struct str text, unsigned char *to, size_t cap, size_t *n);
/*
 * RFC 4648 to the letter, as RFC 5034 section 4 wants it of what a client sends: whole groups of
 * four, padding where it belongs and nowhere else. `to` may be where the text is.
 */
MUST_USE bool base64_decode_strict(struct str text, unsigned char *to, size_t cap, size_t *n);
/* With padding, NUL-terminated. */
MUST_USE bool base64_encode(const unsigned char *octets, size_t n, char *to, size_t cap);

#endif
