
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Creates the zone, or takes it over from the previous cycle.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_http_reauth_zone_memory.h"


static volatile int64_t  ngx_http_reauth_clock_none;

volatile int64_t  *ngx_http_reauth_clock = &ngx_http_reauth_clock_none;


static uint32_t
ngx_http_reauth_zone_power_of_two(size_t n)
{
    uint32_t  power;

    for (power = 64; power < n && power < 0x40000000; power *= 2) {
        /* void */
    }

    return power;
}


/* survives reloads, as the numbers that it hides */

static ngx_int_t
ngx_http_reauth_zone_cursor_init(ngx_http_reauth_zone_shctx_t *sh)
{
    int              rc;
    u_char           bytes[REAUTH_SEAL_KEY_LEN];
    reauth_string_t  secret;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    secret.data = bytes;
    secret.len = sizeof(bytes);

    rc = reauth_seal_init(&sh->told, &secret);

    ngx_explicit_memzero(bytes, sizeof(bytes));

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/* a reload: the old workers still write to the zone, so nothing is reset */

static ngx_int_t
ngx_http_reauth_zone_keep(ngx_shm_zone_t *shm_zone,
    ngx_http_reauth_zone_t *ozone)
{
    ngx_http_reauth_zone_t  *zone;

    zone = shm_zone->data;

    zone->sh = ozone->sh;
    zone->shpool = ozone->shpool;

    if (zone->sh->gate.layout != NGX_HTTP_REAUTH_ZONE_LAYOUT) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "reauth_zone \"%V\" was created by another version of "
                      "the module; restart nginx", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    if (!zone->has_redis) {
        zone->sh->gate.loaded = 1;
    }

    return ngx_http_reauth_zone_heals_init(zone);
}


/* the sizes of tables depend on the size of the zone */

static ngx_int_t
ngx_http_reauth_zone_tables(ngx_http_reauth_zone_shctx_t *sh,
    ngx_slab_pool_t *shpool, size_t size)
{
    ngx_uint_t  n;

    n = ngx_min(ngx_http_reauth_zone_power_of_two(size / 1024),
                NGX_HTTP_REAUTH_BUCKETS_MAX);

    sh->gate.mask = n - 1;
    sh->gate.buckets = ngx_slab_calloc(shpool, n * sizeof(uint32_t));
    sh->attempts = ngx_slab_calloc(shpool, n * sizeof(uint32_t));

    n = ngx_http_reauth_zone_power_of_two(size / 1024);

    sh->ended_mask = n - 1;
    sh->ended = ngx_slab_calloc(shpool, n * sizeof(void *));
    sh->ended_attempts = ngx_slab_calloc(shpool, n * sizeof(void *));

    sh->gate.failed_mask = n - 1;
    sh->gate.failed_buckets = ngx_slab_calloc(shpool, n);

    n = ngx_min(ngx_http_reauth_zone_power_of_two(size / 1024),
                NGX_HTTP_REAUTH_DEDUP_MAX);

    sh->digest_mask = n / NGX_HTTP_REAUTH_DEDUP_WAYS - 1;
    sh->digests = ngx_slab_calloc(shpool, n * sizeof(ngx_http_reauth_digest_t));

    n = ngx_min(ngx_http_reauth_zone_power_of_two(
                                         size / NGX_HTTP_REAUTH_OUTCOMES_SHARE),
                NGX_HTTP_REAUTH_OUTCOMES_MAX);

    sh->outcomes_mask = n / NGX_HTTP_REAUTH_OUTCOME_WAYS - 1;
    sh->outcomes = ngx_slab_calloc(shpool,
                                   n * sizeof(ngx_http_reauth_outcome_t));

    n = ngx_min(size / NGX_HTTP_REAUTH_PLACES_SHARE,
                NGX_HTTP_REAUTH_PLACES_SETS_MAX);

    sh->places_sets = ngx_max(n, 1);
    sh->places = ngx_slab_calloc(shpool, sh->places_sets * REAUTH_PLACES_WAYS
                                         * sizeof(reauth_place_t));

    /* more entries than there can be slots, each of another caller */

    n = ngx_http_reauth_zone_power_of_two(size / 1024 + 1);

    sh->shares_mask = n - 1;
    sh->shares = ngx_slab_calloc(shpool, n * sizeof(reauth_share_t));

    sh->chunks_max = size / NGX_HTTP_REAUTH_CHUNK_SIZE;
    sh->gate.chunks = ngx_slab_calloc(shpool, sh->chunks_max * sizeof(void *));

    sh->nring = ngx_min(size / NGX_HTTP_REAUTH_RING_SHARE
                            / sizeof(ngx_http_reauth_ring_t),
                        NGX_HTTP_REAUTH_RING_MAX);
    sh->ring = ngx_slab_calloc(shpool, sh->nring
                                       * sizeof(ngx_http_reauth_ring_t));

    if (sh->gate.buckets == NULL || sh->attempts == NULL || sh->ended == NULL
        || sh->ended_attempts == NULL || sh->gate.failed_buckets == NULL
        || sh->gate.chunks == NULL || sh->digests == NULL || sh->ring == NULL
        || sh->outcomes == NULL || sh->places == NULL
        || sh->shares == NULL
        || ngx_http_reauth_zone_overrides_init(sh, shpool, size) != NGX_OK
        || ngx_http_reauth_zone_audit_init(sh, shpool, size) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_reauth_zone_queues(ngx_http_reauth_zone_shctx_t *sh)
{
    ngx_uint_t  i;

    ngx_queue_init(&sh->ended_queue);
    ngx_queue_init(&sh->brief_queue);
    ngx_queue_init(&sh->dirty);
    ngx_rbtree_init(&sh->due, &sh->due_sentinel, ngx_rbtree_insert_value);

    for (i = 0; i < REAUTH_POLL_CLASSES; i++) {
        ngx_rbtree_init(&sh->poll[i], &sh->poll_sentinel,
                        ngx_rbtree_insert_timer_value);
    }
}


/* identifies this instance of the zone */

static ngx_int_t
ngx_http_reauth_zone_identity(ngx_http_reauth_zone_shctx_t *sh)
{
    u_char    bytes[NGX_HTTP_REAUTH_WRITER_LEN / 2];
    uint64_t  bits;

    sh->salt = ngx_random() & REAUTH_EPOCH_SALT_MASK;
    sh->boot = ((uint64_t) ngx_http_reauth_wall_clock() << 16)
               | (ngx_random() & 0xffff);

    if (RAND_bytes(bytes, sizeof(bytes)) != 1
        || RAND_bytes((u_char *) &sh->seed, sizeof(uint64_t)) != 1)
    {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(sh->writer, bytes, sizeof(bytes));

    ngx_memcpy(&bits, bytes, sizeof(uint64_t));
    sh->origin = reauth_origin_make(bits);
    sh->updated.seed = sh->seed;

    /*
     * Entries of all gateways have different numbers.  nginx seeds ngx_random()
     * with the process ID and the time, which containers may share.
     */

    sh->audited = bits >> 24 << 16;

    return ngx_http_reauth_zone_cursor_init(sh);
}


ngx_int_t
ngx_http_reauth_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_reauth_zone_t  *ozone = data;

    size_t                         len;
    ngx_slab_pool_t               *shpool;
    ngx_http_reauth_zone_t        *zone;
    ngx_http_reauth_zone_shctx_t  *sh;

    if (ozone) {
        return ngx_http_reauth_zone_keep(shm_zone, ozone);
    }

    zone = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    zone->shpool = shpool;

    if (shm_zone->shm.exists) {
        zone->sh = shpool->data;
        return NGX_OK;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_reauth_zone_shctx_t));

    if (sh == NULL
        || ngx_http_reauth_zone_tables(sh, shpool, shm_zone->shm.size)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_reauth_zone_queues(sh);

    sh->base = (u_char *) shpool;
    sh->end = sh->base;
    sh->gate.layout = NGX_HTTP_REAUTH_ZONE_LAYOUT;
    sh->gate.loaded = !zone->has_redis;
    sh->paused = ngx_current_msec;
    sh->clerk.beat_ms = ngx_http_reauth_monotonic();
    sh->gate.clock = ngx_http_reauth_wall_clock()
                     - ngx_http_reauth_monotonic();
    sh->load_until_ms = ngx_http_reauth_wall_clock()
                        + NGX_HTTP_REAUTH_LOAD_TIME;

    if (ngx_http_reauth_zone_identity(sh) != NGX_OK) {
        return NGX_ERROR;
    }

    len = sizeof(" in reauth_zone \"\"") + shm_zone->shm.name.len;

    shpool->log_ctx = ngx_slab_alloc(shpool, len);
    if (shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(shpool->log_ctx, " in reauth_zone \"%V\"%Z",
                &shm_zone->shm.name);

    /*
     * Ended records are dropped first, so do not log each allocation failure.
     */
    shpool->log_nomem = 0;

    zone->sh = sh;

    if (ngx_http_reauth_zone_heals_init(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    /*
     * Ended records are dropped for active ones: all of the memory may become
     * slots.
     */

    sh->capacity = shpool->pfree * ngx_pagesize / NGX_HTTP_REAUTH_CHUNK_SIZE
                   * NGX_HTTP_REAUTH_CHUNK_SLOTS;

    shpool->data = sh;

    return NGX_OK;
}


/*
 * The memory that is in use is mapped before the worker serves: otherwise, the
 * kernel maps a few pages at a time, while the worker has the lock.
 */

static void
ngx_http_reauth_zone_map(ngx_http_reauth_zone_shctx_t *sh)
{
    volatile u_char  *page, *end;

    end = sh->end;

    for (page = sh->base; page < end; page += ngx_pagesize) {
        (void) *page;
    }
}


void
ngx_http_reauth_zone_init_process(ngx_http_reauth_zone_t *zone)
{
    ngx_http_reauth_clock = &zone->sh->gate.clock;

    ngx_http_reauth_zone_map(zone->sh);
}
