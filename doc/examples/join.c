/* One transaction of two processes: this one works in PostgreSQL, its child in MariaDB.
 * cc join.c $(pkg-config --cflags --libs libtxcoord) -o join
 * usage: join ENDPOINT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <txcoord/txcoord.h>

enum { TICKET_MAX = 65536 };

/* How the ticket travels is the processes' own affair: here through a socket, with its length in front. */
static int hand_over (int fd, const char *ticket)
{
    size_t size = ticket ? strlen (ticket) + 1 : 0;
    return write (fd, &size, sizeof size) == sizeof size && write (fd, ticket, size) == (ssize_t) size;
}

static char *take_over (int fd)
{
    size_t size = 0;
    if (recv (fd, &size, sizeof size, MSG_WAITALL) != sizeof size || size == 0 || size > TICKET_MAX)
        return NULL;
    char *ticket = malloc (size);
    if (ticket && recv (fd, ticket, size, MSG_WAITALL) != (ssize_t) size) {
        free (ticket);
        ticket = NULL;
    }
    return ticket;
}

/* The second process: joins, works, and hands back what it did; committing is not its business. */
static int guest (int fd, const char *endpoint)
{
    txc_client_t *client = txc_client_new (endpoint, NULL);
    char *ticket = take_over (fd), *back = NULL;
    txc_tx_t *tx = client && ticket ? txc_join (client, ticket) : NULL;
    if (tx && txc_exec (tx, "bank_my", "UPDATE acct SET bal = bal + 5 WHERE id = 1", 0, NULL, NULL) == TXC_OK)
        txc_detach (tx, &back);
    int ok = hand_over (fd, back) && back != NULL;
    free (ticket);
    free (back);
    txc_tx_destroy (&tx);
    txc_client_destroy (&client);
    return ok ? 0 : 1;
}

static int transfer (txc_tx_t *tx, int fd)
{
    char *ticket = NULL;
    int rc = txc_exec (tx, "bank_pg", "UPDATE acct SET bal = bal - 5 WHERE id = 1", 0, NULL, NULL);
    if (rc == TXC_OK)
        rc = txc_export (tx, &ticket);
    char *back = rc == TXC_OK && hand_over (fd, ticket) ? take_over (fd) : NULL;
    if (back) /* else the guest failed: while its part is missing there is no commit */
        rc = txc_reattach (tx, back);
    if (back && rc == TXC_OK)
        rc = txc_commit (tx, NULL);
    else
        txc_rollback (tx);
    free (ticket);
    free (back);
    return back ? rc : TXC_ROLLED_BACK;
}

int main (int argc, char **argv)
{
    int fds[2];
    if (argc != 2 || socketpair (AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return 2;
    pid_t child = fork();
    if (child == 0) {
        close (fds[0]);
        return guest (fds[1], argv[1]);
    }
    close (fds[1]);
    txc_client_t *client = txc_client_new (argv[1], NULL);
    txc_tx_t *tx = client ? txc_begin (client, NULL) : NULL;
    int rc = tx ? transfer (tx, fds[0]) : TXC_ECONN;
    printf ("%s: %s\n", tx ? txc_tx_gtrid (tx) : "-", rc == TXC_OK ? "committed" : "rolled back");
    txc_tx_destroy (&tx);
    txc_client_destroy (&client);
    close (fds[0]);
    if (child > 0)
        waitpid (child, NULL, 0);
    return rc == TXC_OK ? 0 : 1;
}
