
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The order of all records by the time of their last update.  Records have no
 * room for pointers: they are numbered, slots by their index, ended records by
 * their place in the shared memory.  A repair does not build the order anew, as
 * workers wait for the repair: lists that need it do, a part at a time.
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


/*
 * "place": ended records are added by their bucket, slots by their index after
 * all buckets.  Until this place is reached, the record is not in the order.
 */

static void
ngx_http_reauth_zone_updated(ngx_http_reauth_zone_shctx_t *sh, uint32_t place,
    uint32_t number, ngx_uint_t add)
{
    ngx_http_reauth_zone_check_lock(sh);

    if (place < sh->unordered) {
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

    ngx_http_reauth_zone_updated(sh, sh->ended_mask + slot->dirty.index,
                                 slot->dirty.index
                                 | NGX_HTTP_REAUTH_NUMBER_SLOT, add);
}


void
ngx_http_reauth_zone_node_updated(ngx_http_reauth_zone_shctx_t *sh,
    ngx_http_reauth_node_t *node, ngx_uint_t add)
{
    ngx_http_reauth_zone_check_lock(sh);

    ngx_http_reauth_zone_updated(sh, node->dirty.hash & sh->ended_mask,
                                 ngx_http_reauth_zone_node_number(sh, node),
                                 add);
}


void
ngx_http_reauth_zone_updated_lose(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_http_reauth_zone_check_lock(sh);

    sh->updated.root = 0;
    sh->unordered = sh->ended_mask + 1 + sh->gate.nslots;
}


ngx_int_t
ngx_http_reauth_zone_updated_build(ngx_http_reauth_zone_shctx_t *sh,
    ngx_uint_t *left)
{
    uint32_t                 place;
    ngx_uint_t               added;
    ngx_http_reauth_node_t  *node;
    ngx_http_reauth_slot_t  *slot;

    ngx_http_reauth_zone_check_lock(sh);

    while (sh->unordered) {

        if (*left == 0) {
            return NGX_AGAIN;
        }

        place = --sh->unordered;
        added = 0;

        if (place > sh->ended_mask) {
            slot = ngx_http_reauth_slot(sh, place - sh->ended_mask);

            if (slot->used) {
                ngx_http_reauth_zone_slot_updated(sh, slot, 1);
                added++;
            }

        } else {

            for (node = sh->ended[place]; node; node = node->next) {
                ngx_http_reauth_zone_node_updated(sh, node, 1);
                added++;
            }
        }

        /* empty places are next to each other in memory */

        added = added * NGX_HTTP_REAUTH_LIST_SEARCH + (place % 16 == 0);
        *left -= ngx_min(added, *left);
    }

    return NGX_OK;
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
