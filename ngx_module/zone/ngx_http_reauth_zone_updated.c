
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The order of all records by the time of their last update.  Records have no
 * room for pointers: they are numbered, slots by their index, ended records by
 * their place in the shared memory.  A repair does not build the order anew, as
 * workers wait for the repair: the next list that needs it does.
 */


#include "ngx_http_reauth_zone_memory.h"


#define NGX_HTTP_REAUTH_NUMBER_SLOT  0x80000000


static uint32_t
ngx_http_reauth_zone_node_number(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node)
{
    return (uint32_t) ((size_t) ((u_char *) node - sh->base)
                       / NGX_HTTP_REAUTH_NODE_MAX);
}


static ngx_http_reauth_node_t *
ngx_http_reauth_zone_numbered_node(ngx_http_reauth_zone_shctx_t *sh,
    uint32_t number)
{
    return (ngx_http_reauth_node_t *)
           (sh->base + (size_t) number * NGX_HTTP_REAUTH_NODE_MAX);
}


static reauth_order_node_t
ngx_http_reauth_zone_updated_get(void *data, uint32_t number)
{
    ngx_http_reauth_zone_shctx_t  *sh = data;

    reauth_order_node_t      found;
    ngx_http_reauth_node_t  *node;
    ngx_http_reauth_slot_t  *slot;

    if (number & NGX_HTTP_REAUTH_NUMBER_SLOT) {
        slot = ngx_http_reauth_slot(sh, number & ~NGX_HTTP_REAUTH_NUMBER_SLOT);

        found.key = slot->record.updated_ms;
        found.links = slot->order;

    } else {
        node = ngx_http_reauth_zone_numbered_node(sh, number);

        found.key = node->updated_ms;
        found.links = node->order;
    }

    return found;
}


static void
ngx_http_reauth_zone_updated(ngx_http_reauth_zone_shctx_t *sh, uint32_t number,
    ngx_uint_t add)
{
    ngx_http_reauth_zone_check_lock(sh);

    if (sh->unordered) {
        return;
    }

    if (add) {
        reauth_order_add(&sh->updated, ngx_http_reauth_zone_updated_get, sh,
                         number);

    } else {
        reauth_order_remove(&sh->updated, ngx_http_reauth_zone_updated_get, sh,
                            number);
    }
}


void
ngx_http_reauth_zone_slot_updated(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_slot_t *slot, ngx_uint_t add)
{
    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_updated(sh, slot->dirty.index
                                     | NGX_HTTP_REAUTH_NUMBER_SLOT, add);
}


void
ngx_http_reauth_zone_node_updated(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node, ngx_uint_t add)
{
    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_updated(sh, ngx_http_reauth_zone_node_number(sh, node),
                                 add);
}


/* the queue has the newest record first, as a rule */

static void
ngx_http_reauth_zone_updated_append(ngx_http_reauth_zone_shctx_t *sh,
    ngx_queue_t *queue)
{
    ngx_queue_t             *q;
    reauth_order_tail_t      tail;
    ngx_http_reauth_node_t  *node;

    ngx_http_reauth_zone_check_lock(sh);

    tail.n = 0;

    for (q = ngx_queue_head(queue);
         q != ngx_queue_sentinel(queue);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_http_reauth_node_t, queue);

        reauth_order_append(&sh->updated, ngx_http_reauth_zone_updated_get, sh,
                            ngx_http_reauth_zone_node_number(sh, node), &tail);
    }
}


/*
 * After a worker was killed.  The slots are the last ones: some of them are
 * older than ended records, which could not be appended then.
 */

static void
ngx_http_reauth_zone_updated_build(ngx_http_reauth_zone_shctx_t *sh)
{
    uint32_t                 index;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    sh->updated.root = 0;

    ngx_http_reauth_zone_updated_append(sh, &sh->ended_queue);
    ngx_http_reauth_zone_updated_append(sh, &sh->brief_queue);

    for (index = sh->gate.nslots; index != 0; index--) {
        slot = ngx_http_reauth_slot(sh, index);

        if (slot->used) {
            reauth_order_add(&sh->updated, ngx_http_reauth_zone_updated_get,
                             sh, index | NGX_HTTP_REAUTH_NUMBER_SLOT);
        }
    }

    ngx_memory_barrier();
    sh->unordered = 0;
}


void
ngx_http_reauth_zone_updated_after(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_zone_cursor_t *cursor, ngx_http_reauth_slot_t **slot,
    ngx_http_reauth_node_t **node)
{
    uint32_t  number;

    ngx_http_reauth_zone_check_lock(sh);

    *slot = NULL;
    *node = NULL;

    if (sh->unordered) {
        ngx_http_reauth_zone_updated_build(sh);
    }

    number = reauth_order_after(&sh->updated, ngx_http_reauth_zone_updated_get,
                                sh, (int64_t) cursor->index,
                                (uint32_t) cursor->offset);
    if (number == 0) {
        return;
    }

    if (number & NGX_HTTP_REAUTH_NUMBER_SLOT) {
        *slot = ngx_http_reauth_slot(sh,
                                     number & ~NGX_HTTP_REAUTH_NUMBER_SLOT);
        cursor->index = (uint64_t) (*slot)->record.updated_ms;

    } else {
        *node = ngx_http_reauth_zone_numbered_node(sh, number);
        cursor->index = (uint64_t) (*node)->updated_ms;
    }

    cursor->offset = number;
}
