/*
 * txc_module.h - a resource manager's plugin, loaded.
 */
#ifndef TXC_MODULE_H
#define TXC_MODULE_H

#include <txcoord/txc_rm.h>

#include "core/txc_message.h"

typedef struct txc_module {
    void *handle;
    const txc_rm_switch_t *plugin;
} txc_module_t;

/* Loads txc_rm_NAME.so from the first of the folders (separated by ':') that has it, and checks that it is a
 * plugin of this version.  Nothing else is looked up anywhere.  TXC_OK; TXC_ECONFIG, TXC_EVERSION with error
 * set. */
int txc_module_load (txc_module_t *self, const char *folders, const char *name, txc_error_t *error);
void txc_module_unload (txc_module_t *self);

#endif
