#define _GNU_SOURCE
#include "tests/integration/bank_history.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 256 };

static int s_file = -1;

bool bank_history_open (const char *path)
{
    s_file = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return s_file >= 0;
}

void bank_history_note (unsigned thread, const char *format, ...)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    char line[LINE_MAX_SIZE];
    int size = snprintf (line, sizeof line, "%u %" PRIu64 " ", thread,
                         (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec);
    va_list args;
    va_start (args, format);
    size += vsnprintf (line + size, sizeof line - (size_t) size, format, args);
    va_end (args);
    line[size++] = '\n';
    if (write (s_file, line, (size_t) size) != size) {
        perror ("history");
        _exit (1);
    }
}
