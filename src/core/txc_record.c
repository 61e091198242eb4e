#include "core/txc_record.h"

#include "core/txc_journal.h"
#include "core/txc_work.h"

#define RECORD_CASE(name, value)                                                                             \
    case TXC_REC_##name:                                                                                     \
        return #name;

const char *txc_rec_name (txc_rec_type_t type)
{
    switch (type) {
        TXC_RECORD_MAP (RECORD_CASE)
    case TXC_REC_NONE:
    case TXC_REC_TYPES:
        break;
    }
    return "?";
}

#define JOURNAL_CASE(name, value)                                                                            \
    case TXC_JOURNAL_##name:                                                                                 \
        return #name;

const char *txc_journal_name (txc_journal_kind_t kind)
{
    switch (kind) {
        TXC_JOURNAL_MAP (JOURNAL_CASE)
    case TXC_JOURNAL_NONE:
    case TXC_JOURNAL_KINDS:
        break;
    }
    return "?";
}

#define WORK_CASE(name, value)                                                                               \
    case TXC_WORK_##name:                                                                                    \
        return #name;

const char *txc_work_name (txc_work_op_t op)
{
    switch (op) {
        TXC_WORK_MAP (WORK_CASE)
    case TXC_WORK_NONE:
    case TXC_WORK_OPS:
        break;
    }
    return "?";
}
