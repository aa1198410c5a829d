
/*
 * Copyright (C) the nginx-reauth authors
 *
 * reauth_callers_file: the callers, read by the master, and again when it
 * changes.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_file.h"
#include "ngx_http_reauth_callers.h"
#include "ngx_http_reauth_store_usage.h"
#include "ngx_http_reauth_watch.h"


/* 10,000 callers with long patterns fit */
#define NGX_HTTP_REAUTH_CALLERS_FILE_MAX  (8 * 1024 * 1024)


static void
ngx_http_reauth_callers_cleanup(void *data)
{
    ngx_http_reauth_callers_t *callers = data;

    if (callers->table) {
        reauth_callers_free(callers->table);
        callers->table = NULL;
    }
}


static u_char *
ngx_http_reauth_callers_read(ngx_http_reauth_callers_t *callers, size_t *len,
    const char **error, ngx_log_t *log)
{
    off_t             size;
    u_char           *text;
    ssize_t           n;
    ngx_str_t        *path;
    ngx_file_t        file;
    ngx_file_info_t   info;

    path = &callers->path;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = log;

    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        *error = "it cannot be opened";
        return NULL;
    }

    text = NULL;

    if (ngx_fd_info(file.fd, &info) == NGX_FILE_ERROR
        || !ngx_is_file(&info))
    {
        *error = "it is not a regular file";
        goto done;
    }

    *error = reauth_file_check(&info, callers->master);

    if (*error != NULL) {
        goto done;
    }

    size = ngx_file_size(&info);

    if (size > NGX_HTTP_REAUTH_CALLERS_FILE_MAX) {
        *error = "it is larger than 8 MB";
        goto done;
    }

    text = ngx_alloc((size_t) size + 1, log);
    if (text == NULL) {
        *error = "there is not enough memory for it";
        goto done;
    }

    n = ngx_read_file(&file, text, (size_t) size, 0);

    if (n != (ssize_t) size) {
        *error = "it cannot be read completely";
        ngx_free(text);
        text = NULL;
        goto done;
    }

    *len = (size_t) n;

done:

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return text;
}


static reauth_callers_t *
ngx_http_reauth_callers_load(ngx_http_reauth_callers_t *callers,
    char error[REAUTH_CALLERS_ERROR_SIZE], ngx_log_t *log)
{
    u_char            *text;
    size_t             len;
    const char        *reason;
    reauth_string_t    s;
    reauth_callers_t  *table;

    text = ngx_http_reauth_callers_read(callers, &len, &reason, log);

    if (text == NULL) {
        ngx_cpystrn((u_char *) error, (u_char *) reason,
                    REAUTH_CALLERS_ERROR_SIZE);
        return NULL;
    }

    s.data = text;
    s.len = len;

    table = reauth_callers_parse(&s, error);

    ngx_free(text);

    return table;
}


static ngx_int_t
ngx_http_reauth_callers_reload(void *data, ngx_log_t *log)
{
    ngx_http_reauth_callers_t *callers = data;

    char               error[REAUTH_CALLERS_ERROR_SIZE];
    reauth_callers_t  *table;

    table = ngx_http_reauth_callers_load(callers, error, log);

    if (table == NULL) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "reauth: \"%V\" has changed, but %s; the previous "
                      "callers are still used", &callers->path, error);
        return NGX_ERROR;
    }

    reauth_callers_free(callers->table);
    callers->table = table;
    callers->generation++;

    ngx_http_reauth_store_usage_periods(callers->store,
                                        reauth_callers_periods(table));

    return NGX_OK;
}


static ngx_http_reauth_callers_t *
ngx_http_reauth_callers_add(ngx_conf_t *cf, ngx_str_t *path)
{
    char                          error[REAUTH_CALLERS_ERROR_SIZE];
    ngx_str_t                     full;
    ngx_uint_t                    i;
    ngx_pool_cleanup_t           *cln;
    ngx_http_reauth_callers_t    *callers, **list, **slot;
    ngx_http_reauth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_reauth_module);

    full = *path;

    if (ngx_conf_full_name(cf->cycle, &full, 1) != NGX_OK) {
        return NULL;
    }

    list = mcf->callers.elts;

    for (i = 0; i < mcf->callers.nelts; i++) {
        if (list[i]->path.len == full.len
            && ngx_strncmp(list[i]->path.data, full.data, full.len) == 0)
        {
            return list[i];
        }
    }

    callers = ngx_pcalloc(cf->pool, sizeof(ngx_http_reauth_callers_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);
    slot = ngx_array_push(&mcf->callers);

    if (callers == NULL || cln == NULL || slot == NULL) {
        return NULL;
    }

    callers->path = full;
    callers->master = geteuid();
    callers->generation = 1;
    callers->store = &mcf->store;
    *slot = callers;

    cln->handler = ngx_http_reauth_callers_cleanup;
    cln->data = callers;

    /* first, so that no change is missed */

    if (ngx_http_reauth_watch_add(cf, mcf, &callers->path,
                                  NGX_HTTP_REAUTH_COUNT_FILE_CALLERS,
                                  ngx_http_reauth_callers_reload, NULL,
                                  callers)
        != NGX_OK)
    {
        return NULL;
    }

    callers->table = ngx_http_reauth_callers_load(callers, error, cf->log);

    if (callers->table == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"reauth_callers_file\" \"%V\": %s", &full, error);
        return NULL;
    }

    return callers;
}


char *
ngx_http_reauth_callers_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_reauth_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->callers != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    lcf->callers_certificate = 0;
    lcf->callers_here = (cf->cmd_type == NGX_HTTP_LOC_CONF);

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "certificate=cn") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"reauth_callers_file\": expected "
                               "\"certificate=cn\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        lcf->callers_certificate = 1;
    }

    lcf->callers = ngx_http_reauth_callers_add(cf, &value[1]);

    return lcf->callers ? NGX_CONF_OK : NGX_CONF_ERROR;
}
