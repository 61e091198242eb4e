/*
 * txc_ticket.h - bytes as text that survives a command line, a URL, a mail.
 *
 * "txct1." and base64 with the alphabet of RFC 4648, section 5, without padding.
 */
#ifndef TXC_TICKET_H
#define TXC_TICKET_H

#include "base/txc_blob.h"

/* The text of a ticket, from malloc; NULL: no memory. */
char *txc_ticket_format (const txc_blob_t *body);

/* Reads it.  NULL if it is not spelled exactly as txc_ticket_format does, or is larger than any ticket. */
txc_blob_t *txc_ticket_parse (const char *text);

#endif
