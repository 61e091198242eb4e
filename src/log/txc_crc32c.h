/*
 * txc_crc32c.h - CRC-32C (Castagnoli), as in RFC 3720 appendix B.4.
 */
#ifndef TXC_CRC32C_H
#define TXC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of data that continues what crc is the CRC of; 0 to begin.  Uses the processor's instruction if
 * there is one. */
uint32_t txc_crc32c (uint32_t crc, const void *data, size_t size);

/* The same from a table, whatever the processor can do; for tests. */
uint32_t txc_crc32c_portable (uint32_t crc, const void *data, size_t size);

#endif
