/*
 * txc_list.h - an intrusive doubly linked list.
 *
 * A node lies inside its object; a node that is on no list points to itself.
 */
#ifndef TXC_LIST_H
#define TXC_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct txc_list {
    struct txc_list *next, *prev;
} txc_list_t;

#define TXC_CONTAINER(node, type, member) ((type *) (void *) ((char *) (node) -offsetof (type, member)))

static inline void txc_list_init (txc_list_t *self)
{
    self->next = self->prev = self;
}

static inline bool txc_list_is_empty (const txc_list_t *self)
{
    return self->next == self;
}

static inline void txc_list_append (txc_list_t *self, txc_list_t *node)
{
    node->prev = self->prev;
    node->next = self;
    self->prev->next = node;
    self->prev = node;
}

static inline void txc_list_remove (txc_list_t *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    txc_list_init (node);
}

/* The first node taken off, or NULL. */
static inline txc_list_t *txc_list_pop (txc_list_t *self)
{
    txc_list_t *node = self->next;
    if (node == self)
        return NULL;
    txc_list_remove (node);
    return node;
}

/* Visits every node; the visited one may be removed in the loop. */
#define TXC_LIST_EACH(list, node)                                                                            \
    for (txc_list_t *node = (list)->next, *node##_next = node->next; node != (list);                         \
         node = node##_next, node##_next = node->next)

#endif
