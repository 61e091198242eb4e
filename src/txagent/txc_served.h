/*
 * txc_served.h - the configuration of an agent, and the resource managers that it serves.
 */
#ifndef TXC_SERVED_H
#define TXC_SERVED_H

#include "daemon/txc_config.h"
#include "txagent/txc_module.h"
#include "txagent/txc_pool.h"

/* Every key of txagent's configuration file. */
extern const txc_key_t txc_agent_keys[];

typedef struct txc_served {
    char name[TXC_RM_NAME_MAX + 1];
    txc_module_t module;
    txc_rm_t *rm;
    uint32_t max_branches;
    bool last_resource;
    txc_pool_options_t options;
    txc_target_t target;
    txc_pool_t *pool; /* NULL until the agent runs */
} txc_served_t;

typedef struct txc_served_list {
    uint32_t n;
    txc_served_t items[TXC_RMS_MAX];
} txc_served_list_t;

/* Loads the plugins that the configuration names and has each take its part of it; connects to nothing.
 * TXC_OK, or TXC_ECONFIG / TXC_EVERSION with error naming what is wrong; then *self holds nothing. */
int txc_served_open (txc_served_list_t *self, const txc_config_t *config, txc_error_t *error);

/* The pools must be gone. */
void txc_served_close (txc_served_list_t *self);

#endif
