#include "config.h"

#include "txagent/txc_module.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/txc_mem.h"

/* The plugin's file, from malloc; NULL if no folder has it. */
static char *s_find (const char *folders, const char *name)
{
    size_t size = strlen (folders) + strlen (name) + 32;
    char *path = txc_malloc (size);
    while (*folders) {
        size_t length = strcspn (folders, ":");
        snprintf (path, size, "%.*s/txc_rm_%s.so", (int) length, folders, name);
        if (length && access (path, F_OK) == 0)
            return path;
        folders += length + (folders[length] == ':');
    }
    free (path);
    return NULL;
}

/* A plugin that lacks a function would crash the agent when it is called first. */
static bool s_is_whole (const txc_rm_switch_t *p)
{
    return p->name && p->keys && p->open && p->close && p->connect && p->disconnect && p->ping && p->cancel &&
           p->check && p->identity && p->start && p->execute && p->prepare && p->commit_one_phase &&
           p->commit_read_only && p->rollback_active && p->commit && p->rollback && p->forget && p->recover &&
           p->fence && p->fence_all && p->evidence && p->is_alive;
}

static int s_check (const txc_rm_switch_t *plugin, const char *path, const char *name, txc_error_t *error)
{
    if (!plugin || plugin->abi != TXC_RM_ABI)
        return txc_error_set (error, TXC_EVERSION,
                              "plugin %.150s is of version %u, this agent needs %u: install both "
                              "from one release",
                              path, plugin ? plugin->abi : 0u, TXC_RM_ABI);
    if (!s_is_whole (plugin) || strcmp (plugin->name, name) != 0)
        return txc_error_set (error, TXC_EVERSION, "plugin %.150s is not the plugin '%s', or not a whole one",
                              path, name);
    return TXC_OK;
}

int txc_module_load (txc_module_t *self, const char *folders, const char *name, txc_error_t *error)
{
    char *path = s_find (folders, name);
    if (!path)
        return txc_error_set (error, TXC_ECONFIG, "there is no plugin '%.31s' (txc_rm_%.31s.so) in %.120s",
                              name, name, folders);
    self->handle = dlopen (path, RTLD_NOW | RTLD_LOCAL);
    const txc_rm_switch_t *(*entry) (void) = NULL;
    if (self->handle)
        *(void **) &entry = dlsym (self->handle, "txc_rm_switch");
    int rc = TXC_OK;
    if (!entry)
        rc = txc_error_set (error, TXC_ECONFIG, "cannot load the plugin: %.200s", dlerror());
    else
        rc = s_check (self->plugin = entry(), path, name, error);
    free (path);
    if (rc != TXC_OK)
        txc_module_unload (self);
    return rc;
}

void txc_module_unload (txc_module_t *self)
{
    if (self->handle)
        dlclose (self->handle);
    self->handle = NULL;
    self->plugin = NULL;
}
