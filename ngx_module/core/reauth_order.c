
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_order.h"


#define REAUTH_ORDER_BEFORE  0
#define REAUTH_ORDER_AFTER   1


static uint64_t
reauth_order_weight(const reauth_order_t *order, uint32_t number)
{
    uint64_t  hash;

    hash = (order->seed ^ number) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);

    /* different for each number */

    return (hash & ~UINT64_C(0xffffffff)) | number;
}


/* whether the position is before the node */

static int
reauth_order_is_before(int64_t key, uint32_t number,
    const reauth_order_node_t *node, uint32_t other)
{
    return key != node->key ? key > node->key : number > other;
}


void
reauth_order_add(reauth_order_t *order, reauth_order_get_t get, void *data,
    uint32_t number)
{
    uint32_t             *link, *before, *after, other;
    uint64_t              weight;
    reauth_order_node_t   node, next;

    node = get(data, number);
    weight = reauth_order_weight(order, number);

    for (link = &order->root;
         *link != 0 && reauth_order_weight(order, *link) > weight;
         /* void */)
    {
        next = get(data, *link);

        link = &next.links[reauth_order_is_before(node.key, number, &next,
                                                  *link)
                           ? REAUTH_ORDER_BEFORE : REAUTH_ORDER_AFTER];
    }

    /* it takes the place of a subtree, which is split by its position */

    other = *link;
    *link = number;

    before = &node.links[REAUTH_ORDER_BEFORE];
    after = &node.links[REAUTH_ORDER_AFTER];

    while (other != 0) {
        next = get(data, other);

        if (reauth_order_is_before(node.key, number, &next, other)) {
            *after = other;
            after = &next.links[REAUTH_ORDER_BEFORE];
            other = *after;

        } else {
            *before = other;
            before = &next.links[REAUTH_ORDER_AFTER];
            other = *before;
        }
    }

    *before = 0;
    *after = 0;
}


void
reauth_order_remove(reauth_order_t *order, reauth_order_get_t get, void *data,
    uint32_t number)
{
    uint32_t             *link, before, after;
    reauth_order_node_t   node, next;

    node = get(data, number);

    for (link = &order->root; *link != number; /* void */) {

        if (*link == 0) {
            return;
        }

        next = get(data, *link);

        link = &next.links[reauth_order_is_before(node.key, number, &next,
                                                  *link)
                           ? REAUTH_ORDER_BEFORE : REAUTH_ORDER_AFTER];
    }

    /* its subtrees are joined */

    before = node.links[REAUTH_ORDER_BEFORE];
    after = node.links[REAUTH_ORDER_AFTER];

    while (before != 0 && after != 0) {

        if (reauth_order_weight(order, before)
            > reauth_order_weight(order, after))
        {
            *link = before;
            next = get(data, before);
            link = &next.links[REAUTH_ORDER_AFTER];
            before = *link;

        } else {
            *link = after;
            next = get(data, after);
            link = &next.links[REAUTH_ORDER_BEFORE];
            after = *link;
        }
    }

    *link = before != 0 ? before : after;
}


uint32_t
reauth_order_after(const reauth_order_t *order, reauth_order_get_t get,
    void *data, int64_t key, uint32_t number)
{
    uint32_t             other, found;
    reauth_order_node_t  node;

    found = 0;
    other = order->root;

    while (other != 0) {
        node = get(data, other);

        if (reauth_order_is_before(key, number, &node, other)) {
            found = other;
            other = node.links[REAUTH_ORDER_BEFORE];

        } else {
            other = node.links[REAUTH_ORDER_AFTER];
        }
    }

    return found;
}
