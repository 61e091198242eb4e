#include "base/txc_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"

static const char s_prefix[] = "txc-";

bool txc_gtrid_equal (const txc_gtrid_t *a, const txc_gtrid_t *b)
{
    return a->n == b->n && a->session == b->session && a->cluster == b->cluster && a->mode == b->mode;
}

bool txc_gtrid_is_none (const txc_gtrid_t *gtrid)
{
    return gtrid->cluster == 0 && gtrid->session == 0 && gtrid->n == 0;
}

uint64_t txc_gtrid_hash (const txc_gtrid_t *gtrid)
{
    return txc_mix64 (gtrid->session * 0x9e3779b97f4a7c15u + gtrid->n);
}

static const struct {
    txc_mode_t mode;
    const char *name;
    bool served;
} s_modes[] = {{TXC_MODE_2PC, "2pc", true}, {TXC_MODE_3PC, "3pc", true}, {TXC_MODE_PAXOS, "paxos", true}};

enum { MODES = sizeof s_modes / sizeof *s_modes };

const char *txc_mode_name (unsigned mode)
{
    for (size_t i = 0; i < MODES; i++)
        if (s_modes[i].mode == mode)
            return s_modes[i].name;
    return "?";
}

unsigned txc_mode_of_name (const char *name)
{
    if (!name)
        return TXC_MODE_2PC;
    for (size_t i = 0; i < MODES; i++)
        if (strcmp (s_modes[i].name, name) == 0)
            return s_modes[i].mode;
    return 0;
}

bool txc_mode_is_served (unsigned mode)
{
    for (size_t i = 0; i < MODES; i++)
        if (s_modes[i].mode == mode)
            return s_modes[i].served;
    return false;
}

char *txc_gtrid_format (const txc_gtrid_t *gtrid, char *text)
{
    snprintf (text, TXC_GTRID_MAX + 1, "%s%016" PRIx64 ".%" PRIx64 ".%" PRIx64 "%c", s_prefix, gtrid->cluster,
              gtrid->session, gtrid->n, gtrid->mode);
    return text;
}

/* Reads lower-case hexadecimal digits; advances *at.  Returns how many there were. */
static size_t s_hex (const char *text, size_t size, size_t *at, uint64_t *value)
{
    size_t begin = *at;
    *value = 0;
    while (*at < size && *at - begin < 17) {
        char c = text[*at];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned) (c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned) (c - 'a') + 10;
        else
            break;
        *value = *value << 4 | digit;
        (*at)++;
    }
    return *at - begin;
}

/* A number in the one spelling: 1 to 16 digits, no leading zero, not zero. */
static bool s_number (const char *text, size_t size, size_t *at, uint64_t *value)
{
    size_t begin = *at;
    size_t digits = s_hex (text, size, at, value);
    return digits >= 1 && digits <= 16 && text[begin] != '0';
}

static bool s_is_mode (char letter)
{
    return letter >= TXC_MODE_2PC && letter <= TXC_MODE_PAXOS;
}

bool txc_gtrid_parse (const char *text, size_t size, txc_gtrid_t *gtrid)
{
    size_t at = sizeof s_prefix - 1;
    memset (gtrid, 0, sizeof *gtrid);
    if (size > TXC_GTRID_MAX || size < at || memcmp (text, s_prefix, at) != 0)
        return false;
    if (s_hex (text, size, &at, &gtrid->cluster) != 16 || gtrid->cluster == 0)
        return false;
    if (at >= size || text[at++] != '.' || !s_number (text, size, &at, &gtrid->session))
        return false;
    if (at >= size || text[at++] != '.' || !s_number (text, size, &at, &gtrid->n))
        return false;
    if (at + 1 != size || !s_is_mode (text[at]))
        return false;
    gtrid->mode = (uint8_t) text[at];
    return true;
}

char *txc_bqual_format (const char *rm, uint64_t token, char *text)
{
    snprintf (text, TXC_BQUAL_MAX + 1, "%s.%016" PRIx64, rm, token);
    return text;
}

bool txc_bqual_parse (const char *text, size_t size, char *rm, uint64_t *token)
{
    if (size < 1 + 1 + 16 || size > TXC_RM_NAME_MAX + 1 + 16)
        return false;
    size_t name = size - 17, at = name + 1;
    if (text[name] != '.' || s_hex (text, size, &at, token) != 16 || *token == 0)
        return false;
    memcpy (rm, text, name);
    rm[name] = '\0';
    return txc_name_is_valid (rm);
}

bool txc_name_is_valid (const char *name)
{
    size_t size = strlen (name);
    return size >= 1 && size <= TXC_RM_NAME_MAX &&
           strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == size;
}

int txc_epoch_compare (txc_epoch_t a, txc_epoch_t b)
{
    if (a.round != b.round)
        return a.round < b.round ? -1 : 1;
    return a.replica == b.replica ? 0 : a.replica < b.replica ? -1 : 1;
}

uint64_t txc_mix64 (uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t txc_random_next (uint64_t *state)
{
    TXC_ASSERT (state != NULL);
    *state += 0x9e3779b97f4a7c15u;
    return txc_mix64 (*state);
}

uint64_t txc_digest64 (uint64_t digest, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t hash = digest ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}
