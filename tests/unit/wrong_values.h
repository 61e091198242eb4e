/*
 * wrong_values.h - every key of a daemon's table refuses what is no value of it.
 */
#ifndef WRONG_VALUES_H
#define WRONG_VALUES_H

#include "txc_test.h"

#include <unistd.h>

#include "daemon/txc_config.h"

/* Text that no key of this type takes; NULL: there is none. */
static inline const char *wrong_value (const txc_key_t *key, char room[32])
{
    switch (key->type) {
    case TXC_KEY_NAME:
        return "No Name";
    case TXC_KEY_INT:
    case TXC_KEY_SIZE:
        if (!key->max)
            return "many";
        snprintf (room, 32, "%lld", (long long) key->max + 1);
        return room;
    case TXC_KEY_DURATION:
        snprintf (room, 32, "%lldms", (long long) key->max + 1);
        return room;
    case TXC_KEY_BOOL:
        return "yes";
    case TXC_KEY_ENDPOINT:
        return "127.0.0.1:7400";
    case TXC_KEY_CHOICE:
        return "loud";
    default:
        return NULL;
    }
}

/* A file with nothing but this key and value, below a section "one" where the path has a '?'. */
static inline void write_key (const char *path, const char *key_path, const char *value)
{
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    int depth = 0;
    char words[128];
    snprintf (words, sizeof words, "%s", key_path);
    for (char *rest, *word = strtok_r (words, "/", &rest); word; word = strtok_r (NULL, "/", &rest)) {
        if (depth)
            fputc ('\n', file);
        fprintf (file, "%*s%s", 4 * depth++, "", strcmp (word, "?") == 0 ? "one" : word);
    }
    fprintf (file, " = \"%s\"\n", value);
    assert_int_equal (fclose (file), 0);
}

/* The error names the key and the value, and tells what is allowed. */
static inline void every_key_refuses_a_wrong_value (const txc_key_t *keys)
{
    char path[] = "/tmp/txc-wrong-XXXXXX", room[32];
    int fd = mkstemp (path);
    assert_true (fd >= 0);
    close (fd);
    for (const txc_key_t *key = keys; key->path; key++) {
        const char *values[] = {wrong_value (key, room), ""};
        const char *name = strrchr (key->path, '/') + 1;
        for (size_t i = 0; i < 2; i++) {
            txc_error_t error = {0};
            if (!values[i] || key->type == TXC_KEY_FREE)
                continue;
            write_key (path, key->path, values[i]);
            txc_config_t *config = txc_config_load (path, keys, &error);
            if (config)
                fail_msg ("%s = '%s' was accepted", key->path, values[i]);
            bool tells = strstr (error.text, name) && strstr (error.text, path) &&
                         (strstr (error.text, "allowed") || strstr (error.text, "needs a value"));
            if (error.code != TXC_ECONFIG || !tells)
                fail_msg ("%s = '%s': %s", key->path, values[i], error.text);
        }
    }
    unlink (path);
}

#endif
