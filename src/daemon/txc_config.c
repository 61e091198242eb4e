#include "config.h"

#include "daemon/txc_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_id.h"
#include "base/txc_mem.h"
#include "daemon/txc_value.h"
#include "daemon/txc_zpl.h"

enum { MAGIC = 0x636f6e66, ROOM = 160 };

struct txc_config {
    uint32_t magic;
    char *file;
    const txc_key_t *keys;
    txc_zpl_t zpl;
};

/* --- the table of keys -------------------------------------------------------- */

static size_t s_name_size (const char *path)
{
    return strcspn (path, "/");
}

/* Does path lie on the way that pattern describes?  whole: up to its end; else at a section before its end.
 * A '?' that does not end the pattern stands for a section's name, which has to be valid. */
static bool s_matches (const char *pattern, const char *path, bool whole)
{
    for (;;) {
        size_t a = s_name_size (pattern), b = s_name_size (path);
        if (!(a == 1 && *pattern == '?') && (a != b || strncmp (pattern, path, a) != 0))
            return false;
        pattern += a;
        path += b;
        if (!*path)
            return whole ? !*pattern : *pattern == '/';
        if (!*pattern)
            return false;
        pattern++;
        path++;
    }
}

/* The key for a path; one that names it before one that ends in '?'.  NULL: unknown. */
static const txc_key_t *s_find_key (const txc_key_t *keys, const char *path)
{
    const txc_key_t *found = NULL;
    for (const txc_key_t *key = keys; key->path; key++)
        if (s_matches (key->path, path, true) && (!found || found->type == TXC_KEY_FREE))
            found = key;
    return found;
}

static bool s_is_section (const txc_key_t *keys, const char *path)
{
    for (const txc_key_t *key = keys; key->path; key++)
        if (s_matches (key->path, path, false))
            return true;
    return false;
}

/* The last name of a path. */
static const char *s_last_name (const char *path)
{
    const char *slash = strrchr (path, '/');
    return slash ? slash + 1 : path;
}

/* The name that pattern has below section ("" is the root); NULL if it does not lie there. */
static const char *s_name_below (const char *pattern, const char *section)
{
    if (!*section)
        return pattern;
    if (!s_matches (pattern, section, false))
        return NULL;
    for (const char *p = section; p; p = strchr (p + 1, '/'))
        pattern = strchr (pattern, '/') + 1;
    return pattern;
}

static bool s_is_first_of_name (const txc_key_t *keys, const txc_key_t *key, const char *section)
{
    const char *name = s_name_below (key->path, section);
    for (const txc_key_t *other = keys; other < key; other++) {
        const char *earlier = s_name_below (other->path, section);
        if (earlier && s_name_size (earlier) == s_name_size (name) &&
            strncmp (earlier, name, s_name_size (name)) == 0)
            return false;
    }
    return true;
}

/* Writes the names that the table allows beside path: "cluster, name". */
static void s_list_allowed (const txc_key_t *keys, const char *path, char *text, size_t size)
{
    size_t parent = (size_t) (s_last_name (path) - path), used = 0;
    char *section = txc_strdup (path);
    section[parent ? parent - 1 : 0] = 0;
    text[0] = 0;
    for (const txc_key_t *key = keys; key->path; key++) {
        const char *name = s_name_below (key->path, section);
        if (!name || *name == '?' || !s_is_first_of_name (keys, key, section) ||
            used + s_name_size (name) + 3 > size)
            continue;
        used += (size_t) snprintf (text + used, size - used, "%s%.*s", used ? ", " : "",
                                   (int) s_name_size (name), name);
    }
    free (section);
}

/* --- checking ------------------------------------------------------------------ */

static const txc_zpl_item_t *s_find (const txc_zpl_t *zpl, const char *path, size_t index)
{
    for (size_t i = 0; i < zpl->n_items; i++)
        if (strcmp (zpl->items[i].path, path) == 0 && index-- == 0)
            return &zpl->items[i];
    return NULL;
}

static int s_unknown (const txc_key_t *keys, const char *file, const txc_zpl_item_t *item, txc_error_t *error)
{
    char allowed[ROOM];
    s_list_allowed (keys, item->path, allowed, sizeof allowed);
    return txc_zpl_error (error, TXC_ECONFIG, file, item->line,
                          "%.80s: there is no such key; allowed here: %s", item->path,
                          *allowed ? allowed : "no key at all");
}

static int s_check_item (const txc_key_t *keys, const char *file, const txc_zpl_t *zpl,
                         const txc_zpl_item_t *item, txc_error_t *error)
{
    const txc_key_t *key = s_find_key (keys, item->path);
    bool section = s_is_section (keys, item->path);
    const txc_zpl_item_t *first = s_find (zpl, item->path, 0);
    if (!key && !section)
        return s_unknown (keys, file, item, error);
    if (first != item && !(key && key->flags & TXC_KEY_REPEATABLE))
        return txc_zpl_error (error, TXC_ECONFIG, file, item->line, "%.80s: it is there already, in line %u",
                              item->path, first->line);
    if (section) {
        if (*item->value)
            return txc_zpl_error (error, TXC_ECONFIG, file, item->line,
                                  "%.80s: this is a section, it has no value of its own", item->path);
        return TXC_OK;
    }
    if (item->children)
        return txc_zpl_error (error, TXC_ECONFIG, file, item->line,
                              "%.80s: this is a key, nothing goes below it", item->path);
    char room[ROOM];
    const char *wrong = txc_value_check (key, item->value, NULL, room);
    if (wrong)
        return txc_zpl_error (error, TXC_ECONFIG, file, item->line, "%.80s = %.40s: %s", item->path,
                              item->value, wrong);
    return TXC_OK;
}

/* Names in the place of '?' become part of ids. */
static int s_check_name (const txc_key_t *keys, const char *file, const txc_zpl_item_t *item,
                         txc_error_t *error)
{
    for (const txc_key_t *key = keys; key->path; key++) {
        const char *mark = strstr (key->path, "?/");
        size_t size = mark ? (size_t) (mark - key->path) + 1 : 0;
        if (!mark || strncmp (key->path, item->path, size - 1) != 0 || strchr (item->path + size - 1, '/'))
            continue;
        if (!txc_name_is_valid (item->path + size - 1))
            return txc_zpl_error (error, TXC_ECONFIG, file, item->line,
                                  "%.80s: a name has 1 to 31 of a-z, 0-9, '_' and '-'", item->path);
    }
    return TXC_OK;
}

/* Every key that is required: in the file, or in each section that a '?' stands for. */
static int s_check_required (const txc_key_t *keys, const char *file, const txc_zpl_t *zpl,
                             txc_error_t *error)
{
    for (const txc_key_t *key = keys; key->path; key++) {
        if (!(key->flags & TXC_KEY_REQUIRED))
            continue;
        if (!strchr (key->path, '?')) {
            if (!s_find (zpl, key->path, 0))
                return txc_zpl_error (error, TXC_ECONFIG, file, 0, "%s is missing: %s", key->path,
                                      key->help ? key->help : "it has no default");
            continue;
        }
        size_t stem = (size_t) (strrchr (key->path, '/') - key->path); /* without the key's own name */
        char *pattern = txc_strdup (key->path);
        pattern[stem] = 0;
        for (size_t i = 0; i < zpl->n_items; i++) {
            const txc_zpl_item_t *item = &zpl->items[i];
            char wanted[2048];
            if (!s_matches (pattern, item->path, true))
                continue;
            snprintf (wanted, sizeof wanted, "%s/%s", item->path, s_last_name (key->path));
            if (!s_find (zpl, wanted, 0)) {
                free (pattern);
                return txc_zpl_error (error, TXC_ECONFIG, file, item->line, "%.80s is missing: %s", wanted,
                                      key->help ? key->help : "it has no default");
            }
        }
        free (pattern);
    }
    return TXC_OK;
}

static int s_check (const txc_key_t *keys, const char *file, const txc_zpl_t *zpl, txc_error_t *error)
{
    int rc = TXC_OK;
    for (size_t i = 0; i < zpl->n_items && !rc; i++) {
        rc = s_check_item (keys, file, zpl, &zpl->items[i], error);
        if (!rc)
            rc = s_check_name (keys, file, &zpl->items[i], error);
    }
    return rc ? rc : s_check_required (keys, file, zpl, error);
}

txc_config_t *txc_config_load (const char *file, const txc_key_t *keys, txc_error_t *error)
{
    txc_zpl_t zpl;
    if (txc_zpl_read (&zpl, file, error))
        return NULL;
    if (s_check (keys, file, &zpl, error)) {
        txc_zpl_fini (&zpl);
        return NULL;
    }
    txc_config_t *self = txc_calloc (1, sizeof *self);
    TXC_MAGIC (self, MAGIC);
    self->file = txc_strdup (file);
    self->keys = keys;
    self->zpl = zpl;
    return self;
}

void txc_config_destroy (txc_config_t **self_p)
{
    txc_config_t *self = *self_p;
    if (!self)
        return;
    TXC_UNMAGIC (self, MAGIC);
    txc_zpl_fini (&self->zpl);
    free (self->file);
    free (self);
    *self_p = NULL;
}

/* --- values ---------------------------------------------------------------------- */

/* The text of a key, its fallback, or NULL. */
static const char *s_text (const txc_config_t *self, const char *path, const txc_key_t **key_p)
{
    TXC_CHECK (self, MAGIC);
    const txc_key_t *key = s_find_key (self->keys, path);
    TXC_ASSERT (key);
    *key_p = key;
    const txc_zpl_item_t *item = s_find (&self->zpl, path, 0);
    return item ? item->value : key->fallback;
}

const char *txc_config_string (const txc_config_t *self, const char *path)
{
    const txc_key_t *key;
    return s_text (self, path, &key);
}

int64_t txc_config_int (const txc_config_t *self, const char *path)
{
    const txc_key_t *key;
    const char *text = s_text (self, path, &key);
    int64_t number = 0;
    char room[ROOM];
    const char *wrong = text ? txc_value_check (key, text, &number, room) : NULL;
    TXC_ASSERT (!wrong); /* the file was checked, and a fallback has to be a valid value */
    return number;
}

bool txc_config_bool (const txc_config_t *self, const char *path)
{
    return txc_config_int (self, path) != 0;
}

const char *txc_config_nth (const txc_config_t *self, const char *path, size_t index)
{
    const txc_key_t *key;
    const char *first = s_text (self, path, &key);
    if (index == 0)
        return first;
    const txc_zpl_item_t *item = s_find (&self->zpl, path, index);
    return item ? item->value : NULL;
}

const char *txc_config_child (const txc_config_t *self, const char *section, size_t index)
{
    TXC_CHECK (self, MAGIC);
    size_t size = strlen (section);
    for (size_t i = 0; i < self->zpl.n_items; i++) {
        const char *path = self->zpl.items[i].path;
        if (strncmp (path, section, size) == 0 && path[size] == '/' && !strchr (path + size + 1, '/') &&
            index-- == 0)
            return path + size + 1;
    }
    return NULL;
}

unsigned txc_config_line (const txc_config_t *self, const char *path)
{
    TXC_CHECK (self, MAGIC);
    const txc_zpl_item_t *item = s_find (&self->zpl, path, 0);
    return item ? item->line : 0;
}

/* --- reading it again -------------------------------------------------------------- */

static bool s_has_same_values (const txc_zpl_t *a, const txc_zpl_t *b, const char *path)
{
    for (size_t i = 0;; i++) {
        const txc_zpl_item_t *x = s_find (a, path, i), *y = s_find (b, path, i);
        if (!x || !y)
            return x == y;
        if (strcmp (x->value, y->value) != 0)
            return false;
    }
}

/* A key may change where its section is known: a new section counts only after a restart. */
static bool s_is_reloadable (const txc_config_t *self, const char *path)
{
    const txc_key_t *key = s_find_key (self->keys, path);
    if (!key || !(key->flags & TXC_KEY_RELOADABLE))
        return false;
    if (!strchr (key->path, '?'))
        return true;
    char *section = txc_strdup (path);
    *strrchr (section, '/') = 0;
    bool known = s_find (&self->zpl, section, 0) != NULL;
    free (section);
    return known;
}

/* Tells about the keys of `from` that differ in `other`; not again about those that `from` names twice. */
static void s_tell (const txc_config_t *self, const txc_zpl_t *from, const txc_zpl_t *other,
                    bool only_missing, void (*changed) (void *arg, const char *path, bool applied), void *arg)
{
    for (size_t i = 0; i < from->n_items; i++) {
        const txc_zpl_item_t *item = &from->items[i];
        if (s_is_section (self->keys, item->path) || s_find (from, item->path, 0) != item)
            continue;
        if (only_missing ? s_find (other, item->path, 0) != NULL
                         : s_has_same_values (from, other, item->path))
            continue;
        changed (arg, item->path, s_is_reloadable (self, item->path));
    }
}

int txc_config_reload (txc_config_t *self, void (*changed) (void *arg, const char *path, bool applied),
                       void *arg, txc_error_t *error)
{
    TXC_CHECK (self, MAGIC);
    txc_zpl_t fresh, merged = {0};
    int rc = txc_zpl_read (&fresh, self->file, error);
    if (rc)
        return rc;
    rc = s_check (self->keys, self->file, &fresh, error);
    if (rc) {
        txc_zpl_fini (&fresh);
        return rc;
    }
    s_tell (self, &fresh, &self->zpl, false, changed, arg);
    s_tell (self, &self->zpl, &fresh, true, changed, arg);
    for (size_t i = 0; i < self->zpl.n_items; i++)
        if (!s_is_reloadable (self, self->zpl.items[i].path))
            txc_zpl_append (&merged, &self->zpl.items[i]);
    for (size_t i = 0; i < fresh.n_items; i++)
        if (s_is_reloadable (self, fresh.items[i].path))
            txc_zpl_append (&merged, &fresh.items[i]);
    txc_zpl_fini (&fresh);
    txc_zpl_fini (&self->zpl);
    self->zpl = merged;
    return TXC_OK;
}
