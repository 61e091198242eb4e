#include "config.h"

#include "libtxcoord/txc_ticket.h"

#include <stdlib.h>
#include <string.h>

static const char s_prefix[] = "txct1.";
static const char s_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum { PREFIX_SIZE = sizeof s_prefix - 1, TEXT_MAX = 65536 };

char *txc_ticket_format (const txc_blob_t *body)
{
    const uint8_t *bytes = txc_blob_data (body);
    size_t size = txc_blob_size (body);
    char *text = malloc (PREFIX_SIZE + (size + 2) / 3 * 4 + 1);
    if (!text)
        return NULL;
    char *end = text + PREFIX_SIZE;
    memcpy (text, s_prefix, PREFIX_SIZE);
    uint32_t bits = 0;
    int n_bits = 0;
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | bytes[i];
        for (n_bits += 8; n_bits >= 6; n_bits -= 6)
            *end++ = s_alphabet[bits >> (n_bits - 6) & 63];
    }
    if (n_bits > 0)
        *end++ = s_alphabet[bits << (6 - n_bits) & 63];
    *end = '\0';
    return text;
}

txc_blob_t *txc_ticket_parse (const char *text)
{
    size_t length = strnlen (text, TEXT_MAX + 1);
    if (length > TEXT_MAX || length <= PREFIX_SIZE || memcmp (text, s_prefix, PREFIX_SIZE) != 0)
        return NULL;
    length -= PREFIX_SIZE;
    txc_blob_t *body = length % 4 == 1 ? NULL : txc_blob_new (NULL, length * 3 / 4);
    if (!body)
        return NULL;
    uint8_t *bytes = txc_blob_edit (body);
    uint32_t bits = 0;
    int n_bits = 0;
    for (const char *c = text + PREFIX_SIZE; *c; c++) {
        const char *found = strchr (s_alphabet, *c);
        if (!found) {
            txc_blob_destroy (&body);
            return NULL;
        }
        bits = bits << 6 | (uint32_t) (found - s_alphabet);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            *bytes++ = (uint8_t) (bits >> n_bits);
        }
    }
    if ((bits & ((1u << n_bits) - 1)) != 0)
        txc_blob_destroy (&body);
    return body;
}
