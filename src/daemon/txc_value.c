#include "config.h"

#include "daemon/txc_value.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/txc_id.h"

enum { ROOM = 160 };

/* A unit behind a number. */
typedef struct s_unit {
    const char *name;
    int64_t factor;
} s_unit_t;

static const s_unit_t s_none[] = {{"", 1}, {NULL, 0}};
static const s_unit_t s_sizes[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}, {NULL, 0}};
static const s_unit_t s_times[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};

/* Digits and a unit.  False if it is anything else or too large. */
static bool s_parse (const char *text, const s_unit_t *units, int64_t *number)
{
    size_t digits = strspn (text, "0123456789");
    if (digits == 0 || digits > 15)
        return false;
    *number = 0;
    for (size_t i = 0; i < digits; i++)
        *number = *number * 10 + (text[i] - '0');
    const char *unit = text + digits;
    if (*number == 0 && *unit == 0)
        return true; /* nothing needs no unit */
    if (*unit == ' ' && unit[1])
        unit++;
    for (; units->name; units++)
        if (strcmp (unit, units->name) == 0)
            return !__builtin_mul_overflow (*number, units->factor, number);
    return false;
}

/* A number in the largest unit that it is a whole multiple of. */
static const char *s_print (int64_t number, const s_unit_t *units, char room[32])
{
    while (units[1].name && (number == 0 || number % units->factor))
        units++;
    snprintf (room, 32, "%lld%s", (long long) (number / units->factor), number ? units->name : "");
    return room;
}

static const char *s_check_number (const txc_key_t *key, const char *text, const char *form,
                                   const s_unit_t *units, int64_t *number, char *room)
{
    char low[32], high[32];
    bool bounded = key->min || key->max;
    if (s_parse (text, units, number) && (!bounded || (*number >= key->min && *number <= key->max)))
        return NULL;
    if (bounded)
        snprintf (room, ROOM, "%s from %s to %s", form, s_print (key->min, units, low),
                  s_print (key->max, units, high));
    else
        snprintf (room, ROOM, "%s", form);
    return room;
}

static bool s_is_choice (const char *choices, const char *text)
{
    size_t size = strcspn (text, "|");
    if (text[size])
        return false;
    for (const char *word = choices; word; word = strchr (word, '|')) {
        word += *word == '|';
        if (strncmp (word, text, size) == 0 && (word[size] == '|' || word[size] == 0))
            return true;
    }
    return false;
}

const char *txc_value_check (const txc_key_t *key, const char *text, int64_t *number, char room[160])
{
    int64_t ignored;
    if (!number)
        number = &ignored;
    *number = 0;
    if (!*text)
        return "it needs a value";
    switch (key->type) {
    case TXC_KEY_STRING:
    case TXC_KEY_FREE:
        return NULL;
    case TXC_KEY_NAME:
        return txc_name_is_valid (text) ? NULL : "allowed are 1 to 31 of a-z, 0-9, '_' and '-'";
    case TXC_KEY_INT:
        return s_check_number (key, text, "allowed is a whole number", s_none, number, room);
    case TXC_KEY_SIZE:
        return s_check_number (key, text, "allowed are bytes, with K, M or G,", s_sizes, number, room);
    case TXC_KEY_DURATION:
        return s_check_number (key, text, "allowed is a time with its unit (ms, s, m, h)", s_times, number,
                               room);
    case TXC_KEY_BOOL:
        *number = text[0] == '1';
        return strcmp (text, "0") == 0 || strcmp (text, "1") == 0 ? NULL : "allowed are 0 and 1";
    case TXC_KEY_ENDPOINT:
        if ((strncmp (text, "tcp://", 6) != 0 && strncmp (text, "ipc://", 6) != 0) ||
            strlen (text) > TXC_ENDPOINT_MAX)
            return "allowed is tcp://HOST:PORT or ipc:///PATH, at most 127 bytes";
        return NULL;
    case TXC_KEY_CHOICE:
        if (s_is_choice (key->help, text))
            return NULL;
        snprintf (room, ROOM, "allowed is one of %s", key->help);
        return room;
    }
    return "it has no known type";
}
