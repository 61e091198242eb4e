#include "config.h"

#include "txctl/tool_output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool tool_output_end (const char *program)
{
    bool before = ferror (stdout);
    errno = 0;
    if (fflush (stdout) == 0 && !before)
        return true;
    fprintf (stderr, "%s: the output could not be written%s%s\n", program, errno ? ": " : "",
             errno ? strerror (errno) : "");
    return false;
}
