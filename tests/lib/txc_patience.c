#include "config.h"

#include "txc_patience.h"

#include "core/txc_session.h"

uint32_t txc_patience_ms;

/* The linker's names, for the function and for the one that calls it instead. */
txc_session_t *__real_txc_session_new (const txc_session_config_t *config);
txc_session_t *__wrap_txc_session_new (const txc_session_config_t *config);

txc_session_t *__wrap_txc_session_new (const txc_session_config_t *config)
{
    txc_session_config_t patient = *config;
    patient.retry_ms = patient.retry_max_ms = txc_patience_ms;
    return __real_txc_session_new (&patient);
}
