
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Files that are read again when they change.  Each worker checks them by
 * stat() at its own interval; the files are small.
 */


#include "ngx_http_reauth_watch.h"
#include "ngx_http_reauth_zone_files.h"


#define NGX_HTTP_REAUTH_WATCH_STEP  1000


static ngx_int_t
ngx_http_reauth_watch_stat(ngx_http_reauth_watch_t *watch,
    ngx_file_info_t *info)
{
    return ngx_file_info(watch->path.data, info) == NGX_FILE_ERROR ? NGX_ERROR
                                                                   : NGX_OK;
}


/*
 * Compares the ctime as well, which a chmod changes: a file rejected for its
 * mode is read again.
 */

static ngx_uint_t
ngx_http_reauth_watch_same(ngx_file_info_t *a, ngx_file_info_t *b)
{
    return a->st_dev == b->st_dev
           && a->st_ino == b->st_ino
           && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
           && a->st_ctim.tv_sec == b->st_ctim.tv_sec
           && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}


ngx_int_t
ngx_http_reauth_watch_add(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf,
    ngx_str_t *path, ngx_http_reauth_count_e refused,
    ngx_int_t (*reload)(void *data, ngx_log_t *log), void (*tick)(void *data),
    void *data)
{
    ngx_http_reauth_watch_t  *watch;

    watch = ngx_array_push(&mcf->watches);
    if (watch == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(watch, sizeof(ngx_http_reauth_watch_t));

    watch->path = *path;
    watch->count = refused;
    watch->reload = reload;
    watch->tick = tick;
    watch->data = data;

    (void) ngx_http_reauth_watch_stat(watch, &watch->info);

    return NGX_OK;
}


static void
ngx_http_reauth_watch_refused(ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_watch_t *watch)
{
    watch->stale = 1;

    if (mcf->store.zone.shm_zone != NULL) {
        ngx_http_reauth_zone_count(&mcf->store.zone, watch->count);
    }
}


static void
ngx_http_reauth_watch_check(ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_watch_t *watch, ngx_log_t *log)
{
    ngx_file_info_t  info;

    if (ngx_http_reauth_watch_stat(watch, &info) != NGX_OK) {

        if (!watch->refused) {
            watch->refused = 1;
            ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                          "reauth: \"%V\" cannot be checked for changes; the "
                          "previous content is still used", &watch->path);
        }

        return;
    }

    watch->refused = 0;

    if (ngx_http_reauth_watch_same(&watch->info, &info)) {
        return;
    }

    watch->info = info;

    if (access((char *) watch->path.data, R_OK) != 0) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "reauth: \"%V\" has changed, but only root can read it; "
                      "reload nginx, or allow the workers' group to read it "
                      "(0640)",
                      &watch->path);
        ngx_http_reauth_watch_refused(mcf, watch);
        return;
    }

    if (watch->reload(watch->data, log) != NGX_OK) {
        ngx_http_reauth_watch_refused(mcf, watch);
        return;
    }

    watch->stale = 0;

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "reauth: \"%V\" has changed and was read again",
                  &watch->path);
}


static void
ngx_http_reauth_watch_check_all(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log)
{
    ngx_uint_t                i;
    ngx_http_reauth_watch_t  *watch;

    watch = mcf->watches.elts;

    for (i = 0; i < mcf->watches.nelts; i++) {
        ngx_http_reauth_watch_check(mcf, &watch[i], log);

        /* a worker that exits has been replaced by one that has read it */

        if ((watch[i].stale || watch[i].refused)
            && mcf->store.zone.shm_zone != NULL
            && !ngx_exiting)
        {
            ngx_http_reauth_zone_set_stale(&mcf->store.zone, watch[i].count);
        }
    }
}


static void
ngx_http_reauth_watch_timer(ngx_event_t *ev)
{
    ngx_uint_t                    i;
    ngx_http_reauth_watch_t      *watch;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ev->data;

    /* an exiting worker may still have requests of a revoked caller */

    ngx_add_timer(ev, NGX_HTTP_REAUTH_WATCH_STEP);

    ngx_http_reauth_watch_check_all(mcf, ev->log);

    watch = mcf->watches.elts;

    for (i = 0; i < mcf->watches.nelts; i++) {
        if (watch[i].tick != NULL) {
            watch[i].tick(watch[i].data);
        }
    }
}


void
ngx_http_reauth_watch_init_process(ngx_http_reauth_main_conf_t *mcf,
    ngx_cycle_t *cycle)
{
    if (mcf->watches.nelts == 0) {
        return;
    }

    /*
     * Files may have changed since the master read them, if a worker is
     * replaced.
     */

    ngx_http_reauth_watch_check_all(mcf, cycle->log);

    mcf->watch_timer.handler = ngx_http_reauth_watch_timer;
    mcf->watch_timer.data = mcf;
    mcf->watch_timer.log = cycle->log;
    mcf->watch_timer.cancelable = 1;

    ngx_add_timer(&mcf->watch_timer, NGX_HTTP_REAUTH_WATCH_STEP);
}
