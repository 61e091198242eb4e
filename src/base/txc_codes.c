#include "base/txc_codes.h"

#define CODE_CASE(name, value, text)                                                                         \
    case (value):                                                                                            \
        return text;

const char *txc_strerror (int code)
{
    switch (code) {
        TXC_CODE_MAP (CODE_CASE)
    default:
        return "unknown code";
    }
}
#undef CODE_CASE

#define CODE_CASE(name, value, text)                                                                         \
    case (value):                                                                                            \
        return #name;

const char *txc_code_name (int code)
{
    switch (code) {
        TXC_CODE_MAP (CODE_CASE)
    default:
        return "TXC_?";
    }
}
#undef CODE_CASE
