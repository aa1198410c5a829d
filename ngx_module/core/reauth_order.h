
/*
 * Copyright (C) the nginx-reauth authors
 *
 * An order of many nodes by a key, the highest one first, as a treap: a binary
 * tree by key which is a heap by a hash of the node, so that it is balanced
 * whatever the keys are.  A node needs two links of 32 bits, and neither a
 * parent nor a color.
 */


#ifndef REAUTH_ORDER_H
#define REAUTH_ORDER_H


#include <stdint.h>


/* a node is identified by a number, 0: none; equal keys are in its order */

typedef struct {
    int64_t     key;
    uint32_t   *links;         /* two: nodes before and after this one */
} reauth_order_node_t;


typedef reauth_order_node_t (*reauth_order_get_t)(void *data, uint32_t number);


typedef struct {
    uint64_t    seed;          /* not known to those who choose the keys */
    uint32_t    root;
} reauth_order_t;


void reauth_order_add(reauth_order_t *order, reauth_order_get_t get,
    void *data, uint32_t number);

/* the key must be the one with which it was added */
void reauth_order_remove(reauth_order_t *order, reauth_order_get_t get,
    void *data, uint32_t number);

/* the first node after this position, which no node needs to have; or 0 */
uint32_t reauth_order_after(const reauth_order_t *order,
    reauth_order_get_t get, void *data, int64_t key, uint32_t number);


#endif /* REAUTH_ORDER_H */
