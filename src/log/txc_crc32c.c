#include "log/txc_crc32c.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

typedef uint32_t (s_update_t) (uint32_t crc, const uint8_t *data, size_t size);

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static uint32_t s_table[256];
static s_update_t *s_update;

static uint32_t s_update_portable (uint32_t crc, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        crc = s_table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
__attribute__ ((target ("sse4.2"))) static uint32_t s_update_sse42 (uint32_t crc, const uint8_t *data,
                                                                    size_t size)
{
    uint64_t wide = crc;
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;
        memcpy (&word, data, sizeof word);
        wide = _mm_crc32_u64 (wide, word);
    }
    crc = (uint32_t) wide;
    for (; size > 0; size--, data++)
        crc = _mm_crc32_u8 (crc, *data);
    return crc;
}
#endif

static void s_init (void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        s_table[i] = crc;
    }
    s_update = s_update_portable;
#if defined(__x86_64__)
    if (__builtin_cpu_supports ("sse4.2"))
        s_update = s_update_sse42;
#endif
}

uint32_t txc_crc32c (uint32_t crc, const void *data, size_t size)
{
    pthread_once (&s_once, s_init);
    return ~s_update (~crc, data, size);
}

uint32_t txc_crc32c_portable (uint32_t crc, const void *data, size_t size)
{
    pthread_once (&s_once, s_init);
    return ~s_update_portable (~crc, data, size);
}
