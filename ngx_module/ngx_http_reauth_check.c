
/*
 * Copyright (C) the nginx-reauth authors
 *
 * No directive is accepted and then silently ignored: each use is recorded, and
 * once the whole configuration is read, one without effect is reported with its
 * file and line.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_reauth_check.h"
#include "ngx_http_reauth_notify.h"
#include "ngx_http_reauth_poller.h"


#define NGX_HTTP_REAUTH_CHECK_TEXT  512


static struct {
    ngx_uint_t   serves;
    const char  *text;
} ngx_http_reauth_check_texts[] = {

    { NGX_HTTP_REAUTH_SERVES_ANYTHING,
      "a location with \"reauth_authenticate\", \"reauth_gate on\" or another "
      "\"reauth_\" directive" },

    { NGX_HTTP_REAUTH_SERVES_GATE, "\"reauth_gate on\"" },
    { NGX_HTTP_REAUTH_SERVES_HOLD,
      "\"reauth_gate on\" with \"reauth_gate_hold\"" },
    { NGX_HTTP_REAUTH_SERVES_AUTHENTICATE, "\"reauth_authenticate\"" },
    { NGX_HTTP_REAUTH_SERVES_STATUS, "\"reauth_status\"" },
    { NGX_HTTP_REAUTH_SERVES_WEBHOOK, "\"reauth_webhook\"" },
    { NGX_HTTP_REAUTH_SERVES_CALLERS,
      "\"reauth_authenticate\", \"reauth_status\" or \"proxy_pass\" with "
      "\"reauth_key_file\"" },
    { NGX_HTTP_REAUTH_SERVES_KEY,
      "\"reauth_authenticate\" or \"proxy_pass\"" },
    { 0, NULL }
};


char *
ngx_http_reauth_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                         *rv;
    ngx_str_t                    *value;
    ngx_command_t                 real;
    ngx_http_reauth_use_t        *use;
    ngx_http_reauth_rule_t       *rule;
    ngx_http_reauth_main_conf_t  *mcf;

    rule = cmd->post;

    real = *cmd;
    real.set = rule->set;
    real.post = rule->post;

    rv = real.set(cf, &real, conf);

    value = cf->args->elts;

    /* "off" needs no other directive */

    if (rv != NGX_CONF_OK
        || ((rule->needs & NGX_HTTP_REAUTH_MAY_BE_OFF)
            && cf->args->nelts == 2
            && ngx_strcasecmp(value[1].data, (u_char *) "off") == 0))
    {
        return rv;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_reauth_module);

    use = ngx_array_push(&mcf->uses);
    if (use == NULL) {
        return NGX_CONF_ERROR;
    }

    use->rule = rule;
    use->directive = cmd->name.data;
    use->file = cf->conf_file->file.name.data;
    use->line = cf->conf_file->line;
    use->level = ngx_http_conf_get_module_loc_conf(cf, ngx_http_reauth_module);

    return NGX_CONF_OK;
}


char *
ngx_http_reauth_enum(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    u_char           *last, text[NGX_HTTP_REAUTH_CHECK_TEXT];
    ngx_str_t        *value;
    ngx_uint_t       *np, i;
    ngx_conf_enum_t  *e;

    np = (ngx_uint_t *) (p + cmd->offset);

    if (*np != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    e = cmd->post;
    last = text;

    for (i = 0; e[i].name.len; i++) {

        if (e[i].name.len == value[1].len
            && ngx_strcasecmp(e[i].name.data, value[1].data) == 0)
        {
            *np = e[i].value;
            return NGX_CONF_OK;
        }

        last = ngx_slprintf(last, text + sizeof(text), "%s\"%V\"",
                            i == 0 ? ""
                            : e[i + 1].name.len == 0 ? " or " : ", ",
                            &e[i].name);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\": expected %*s",
                       &value[1], &value[0], (size_t) (last - text), text);

    return NGX_CONF_ERROR;
}


static void
ngx_http_reauth_check_serves(ngx_http_reauth_loc_conf_t *conf,
    ngx_uint_t serves)
{
    for ( /* void */ ; conf; conf = conf->parent) {
        conf->serves |= serves;
    }
}


/* a key and a callers file are used in locations that inherit them */

static void
ngx_http_reauth_check_files(ngx_http_reauth_loc_conf_t *conf, ngx_uint_t key,
    ngx_uint_t callers)
{
    ngx_http_reauth_loc_conf_t  *level;

    for (level = conf; level; level = level->parent) {

        if (key && level->key == conf->key) {
            level->serves |= NGX_HTTP_REAUTH_SERVES_KEY;
        }

        if (callers && level->callers == conf->callers) {
            level->serves |= NGX_HTTP_REAUTH_SERVES_CALLERS;
        }
    }
}


ngx_int_t
ngx_http_reauth_check_level(ngx_conf_t *cf, ngx_http_reauth_loc_conf_t *parent,
    ngx_http_reauth_loc_conf_t *conf)
{
    ngx_uint_t                     serves;
    ngx_http_reauth_loc_conf_t   **level, *top;
    ngx_http_reauth_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_reauth_module);

    level = ngx_array_push(&mcf->levels);
    if (level == NULL) {
        return NGX_ERROR;
    }

    *level = conf;

    conf->parent = parent;
    conf->core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    serves = 0;

    if (conf->gate != NGX_HTTP_REAUTH_GATE_OFF) {
        serves |= NGX_HTTP_REAUTH_SERVES_GATE;

        if (conf->gate_hold) {
            serves |= NGX_HTTP_REAUTH_SERVES_HOLD;
        }
    }

    if (conf->forward.data) {
        serves |= NGX_HTTP_REAUTH_SERVES_AUTHENTICATE;
    }

    if (conf->status) {
        serves |= NGX_HTTP_REAUTH_SERVES_STATUS;
    }

    if (conf->metrics) {
        serves |= NGX_HTTP_REAUTH_SERVES_METRICS;
    }

    ngx_http_reauth_check_serves(conf, serves);

    if (conf->webhook_nsecrets) {

        /* only the value of reauth_gate_max at the http level is used */

        for (top = conf; top->parent; top = top->parent) { /* void */ }

        top->serves |= NGX_HTTP_REAUTH_SERVES_WEBHOOK;
    }

    ngx_http_reauth_check_files(conf,
        conf->key && (conf->content_handler || conf->forward.data),
        conf->callers
        && (conf->authorize || conf->forward.data || conf->status
            || (conf->metrics && conf->callers_here)));

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_check_needs(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_use_t *use)
{
    if ((use->rule->needs & NGX_HTTP_REAUTH_NEEDS_ZONE)
        && mcf->store.zone.shm_zone == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" needs shared memory: add \"reauth_zone "
                      "accounts:32m;\" to the http block in %s:%ui",
                      use->directive, use->file, use->line);
        return NGX_ERROR;
    }

    if ((use->rule->needs & NGX_HTTP_REAUTH_NEEDS_REDIS)
        && mcf->store.redis_conf == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" has no effect without Redis: add "
                      "\"reauth_redis\" to the http block, or remove \"%s\" "
                      "in %s:%ui",
                      use->directive, use->directive, use->file, use->line);
        return NGX_ERROR;
    }

    if ((use->rule->needs & NGX_HTTP_REAUTH_NEEDS_STREAM)
        && mcf->store.redis_conf == NULL
        && (mcf->store.notices.events & REAUTH_NOTICE_ACCOUNTS))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" needs Redis for events of accounts: add "
                      "\"reauth_redis\" to the http block, or specify "
                      "\"events=gateway.degraded\" in %s:%ui",
                      use->directive, use->file, use->line);
        return NGX_ERROR;
    }

    if ((use->rule->needs & NGX_HTTP_REAUTH_NEEDS_POLLER)
        && !mcf->store.polling)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" needs \"reauth_poll\", by whose location it "
                      "sends its requests: add \"reauth_poll on /upstream;\" "
                      "to a server, or remove \"%s\" in %s:%ui",
                      use->directive, use->directive, use->file, use->line);
        return NGX_ERROR;
    }

    if ((use->rule->needs & NGX_HTTP_REAUTH_NEEDS_POLL)
        && !mcf->store.polling)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"%s\" needs \"reauth_poll\": webhooks do not identify "
                      "attempts, which are followed to their end by polls "
                      "only; add \"reauth_poll on /upstream;\" to a server, "
                      "with the URI prefix of its internal location, in "
                      "%s:%ui",
                      use->directive, use->file, use->line);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_check_served(ngx_conf_t *cf, ngx_http_reauth_use_t *use)
{
    u_char      *p, *last, text[NGX_HTTP_REAUTH_CHECK_TEXT];
    ngx_uint_t   i, left, level;

    left = use->rule->serves;

    if (left == 0 || (left & use->level->serves)) {
        return NGX_OK;
    }

    p = text;
    last = text + sizeof(text);

    for (i = 0; ngx_http_reauth_check_texts[i].text; i++) {

        if ((left & ngx_http_reauth_check_texts[i].serves)
            != ngx_http_reauth_check_texts[i].serves)
        {
            continue;
        }

        left &= ~ngx_http_reauth_check_texts[i].serves;

        p = ngx_slprintf(p, last, "%s%s", p == text ? "" : " or ",
                         ngx_http_reauth_check_texts[i].text);
    }

    level = (use->rule->needs & NGX_HTTP_REAUTH_NEEDS_SERVED)
            ? NGX_LOG_EMERG : NGX_LOG_WARN;

    ngx_log_error(level, cf->log, 0,
                  "\"%s\" has no effect: it needs %*s at its level or below; "
                  "add that, or remove \"%s\" in %s:%ui",
                  use->directive, (size_t) (p - text), text, use->directive,
                  use->file, use->line);

    return level == NGX_LOG_EMERG ? NGX_ERROR : NGX_OK;
}


/*
 * Finds the location of a URI as nginx does; NULL: none.  "unsure" is set if
 * it depends on a regular expression.
 */

static ngx_http_reauth_loc_conf_t *
ngx_http_reauth_check_locate(ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_loc_conf_t *parent, ngx_str_t *uri, ngx_uint_t *unsure)
{
    ngx_uint_t                    i, regex;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_reauth_loc_conf_t  **level, *found, *inner;

    found = NULL;
    regex = 0;
    level = mcf->levels.elts;

    for (i = 0; i < mcf->levels.nelts; i++) {
        clcf = level[i]->core;

        if (level[i]->parent != parent || clcf->noname || clcf->named) {
            continue;
        }

#if (NGX_PCRE)
        if (clcf->regex) {
            regex = 1;
            continue;
        }
#endif

        if (clcf->name.len > uri->len
            || ngx_strncmp(clcf->name.data, uri->data, clcf->name.len) != 0
            || (clcf->exact_match && clcf->name.len != uri->len))
        {
            continue;
        }

        if (found == NULL || clcf->exact_match
            || clcf->name.len > found->core->name.len)
        {
            found = level[i];
        }
    }

    if (regex
        && (found == NULL
            || (!found->core->noregex && !found->core->exact_match)))
    {
        *unsure = 1;
    }

    if (found != NULL && !*unsure) {
        inner = ngx_http_reauth_check_locate(mcf, found, uri, unsure);

        if (inner != NULL) {
            return inner;
        }
    }

    return found;
}


/* checks the location to which a directive sends its subrequests */

static ngx_int_t
ngx_http_reauth_check_target(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_use_t *use, ngx_str_t *uri, ngx_uint_t with_key)
{
    ngx_uint_t                   unsure, level;
    const char                  *wrong;
    ngx_http_reauth_loc_conf_t  *server, *target;

    server = use->level;

    while (server->parent->parent != NULL) {
        server = server->parent;
    }

    unsure = 0;
    target = ngx_http_reauth_check_locate(mcf, server, uri, &unsure);

    if (unsure) {
        return NGX_OK;
    }

    level = NGX_LOG_WARN;

    if (target == NULL) {
        level = NGX_LOG_EMERG;
        wrong = "which no location of the server matches: add an "
                "\"internal\" one with \"proxy_pass\"";

    } else if (target->handler) {
        level = NGX_LOG_EMERG;
        wrong = "whose location has a \"reauth_\" directive of its own: "
                "specify an \"internal\" one with \"proxy_pass\"";

    } else if (!target->core->internal) {
        wrong = "whose location is not internal: add \"internal;\" to it";

    } else if (target->content_handler == NULL) {
        wrong = "whose location has no content handler: add \"proxy_pass\" to "
                "it";

    } else if (with_key && target->key == NULL) {
        wrong = "whose location has no API key: add \"reauth_key_file\" to it "
                "or to a higher level";

    } else {
        return NGX_OK;
    }

    ngx_log_error(level, cf->log, 0,
                  "\"%s\" sends requests to \"%V\", %s in %s:%ui",
                  use->directive, uri, wrong, use->file, use->line);

    return level == NGX_LOG_EMERG ? NGX_ERROR : NGX_OK;
}


/* the directives are recorded in the order of the receivers */

static ngx_int_t
ngx_http_reauth_check_notify(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_use_t *use)
{
    ngx_http_reauth_use_t     *u;
    ngx_http_reauth_notify_t  *notify;

    notify = mcf->notifies.elts;

    for (u = mcf->uses.elts; u < use; u++) {
        if (u->rule == use->rule) {
            notify++;
        }
    }

    return ngx_http_reauth_check_target(cf, mcf, use, &notify->uri, 0);
}


static ngx_int_t
ngx_http_reauth_check_targets(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_use_t *use)
{
    ngx_str_t                    uri, *prefix, rest;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_reauth_loc_conf_t  *level;

    level = use->level;
    ngx_str_set(&rest, "/api/authenticate/");

    if (ngx_strcmp(use->directive, "reauth_notify") == 0) {
        return ngx_http_reauth_check_notify(cf, mcf, use);
    }

    if (ngx_strcmp(use->directive, "reauth_webhook") == 0) {
        return level->webhook_pass.len == 0
               ? NGX_OK
               : ngx_http_reauth_check_target(cf, mcf, use,
                                              &level->webhook_pass, 0);
    }

    if (ngx_strcmp(use->directive, "reauth_authenticate") == 0) {
        prefix = &level->forward;
        clcf = level->core;

#if (NGX_PCRE)
        if (clcf->regex) {
            clcf = NULL;
        }
#endif

        if (clcf && ngx_strncmp(clcf->name.data, "/api/", 5) == 0) {
            rest = clcf->name;
        }

    } else if (ngx_strcmp(use->directive, "reauth_poll") == 0) {
        prefix = &mcf->poller->uri;

    } else {
        return NGX_OK;
    }

    uri.len = prefix->len + rest.len;
    uri.data = ngx_pnalloc(cf->temp_pool, uri.len);
    if (uri.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(uri.data, prefix->data, prefix->len), rest.data,
               rest.len);

    return ngx_http_reauth_check_target(cf, mcf, use, &uri, 1);
}


/* checks that a content directive determines the content handler */

static ngx_int_t
ngx_http_reauth_check_handler(ngx_conf_t *cf, ngx_http_reauth_use_t *use)
{
    ngx_uint_t                 prefix;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = use->level->core;

    if (clcf->handler != use->level->handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" in location \"%V\" has no effect: another "
                      "directive, such as \"proxy_pass\", sets the content "
                      "handler of the location; remove one of them in %s:%ui",
                      use->directive, &clcf->name, use->file, use->line);
        return NGX_ERROR;
    }

    prefix = !clcf->named && !clcf->exact_match;

#if (NGX_PCRE)
    prefix = prefix && clcf->regex == NULL;
#endif

    if (use->level->status && !prefix) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"reauth_status\" in location \"%V\" has no effect: "
                      "the resource is the part of the URI after the prefix "
                      "of the location; use a prefix location, such as "
                      "\"location /reauth/\", in %s:%ui", &clcf->name,
                      use->file, use->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_reauth_check_location(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf, ngx_http_reauth_use_t *use)
{
    reauth_string_t              account;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_reauth_loc_conf_t  *level;

    level = use->level;
    clcf = level->core;

    if ((use->rule->needs & NGX_HTTP_REAUTH_IS_HANDLER)
        && ngx_http_reauth_check_handler(cf, use) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_strcmp(use->directive, "reauth_authenticate") == 0
        && level->key == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"reauth_authenticate\" in location \"%V\" needs "
                      "\"reauth_key_file\": add it to the location or to a "
                      "higher level in %s:%ui",
                      &clcf->name, use->file, use->line);
        return NGX_ERROR;
    }

    if (ngx_strcmp(use->directive, "reauth_callers_file") == 0
        && level->webhook_nsecrets)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"reauth_callers_file\" in location \"%V\" has no "
                      "effect: \"reauth_webhook\" authenticates no callers; "
                      "use \"allow\" and \"deny\" instead in %s:%ui",
                      &clcf->name, use->file, use->line);
        return NGX_ERROR;
    }

    if (!level->gate_here || ngx_strcmp(use->directive, "reauth_gate") != 0) {
        return NGX_OK;
    }

    if (level->handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"reauth_gate\" in location \"%V\" has no effect: "
                      "another \"reauth_\" directive serves the location, and "
                      "the gate needs \"proxy_pass\"; remove one of them in "
                      "%s:%ui", &clcf->name, use->file, use->line);
        return NGX_ERROR;
    }

    if (level->gate_account == NULL
        && clcf->exact_match
        && reauth_route_account(clcf->name.data, clcf->name.len, &account)
           != REAUTH_ACCOUNT_FOUND)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"reauth_gate\" in location \"= %V\" has no account: "
                      "its path contains no account ID; specify "
                      "\"reauth_gate_account\" in %s:%ui", &clcf->name,
                      use->file, use->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

/* whether a server that uses this callers file verifies client certificates */

static ngx_uint_t
ngx_http_reauth_check_verified(ngx_conf_t *cf,
    ngx_http_reauth_loc_conf_t *level)
{
    ngx_uint_t                    i;
    ngx_http_core_srv_conf_t    **cscf;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_ssl_srv_conf_t      *sscf;
    ngx_http_reauth_loc_conf_t   *server, *above;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {

        sscf = cscf[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index];
        server = cscf[i]->ctx->loc_conf[ngx_http_reauth_module.ctx_index];

        for (above = level; above; above = above->parent) {
            if (sscf->verify && (above == server || server->parent == level)) {
                return 1;
            }
        }
    }

    return 0;
}

#endif


/* 0 if the events block follows the http block */

static void
ngx_http_reauth_check_wait_max(ngx_conf_t *cf,
    ngx_http_reauth_main_conf_t *mcf, ngx_http_reauth_use_t *use)
{
    ngx_uint_t  n;

    n = cf->cycle->connection_n;

    if (n == 0 || mcf->wait_max <= n / 4) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "\"reauth_wait_max\" %ui leaves too few of %ui "
                  "\"worker_connections\" to other requests: specify at "
                  "least four times as many connections, or a lower "
                  "\"reauth_wait_max\" in %s:%ui",
                  mcf->wait_max, n, use->file, use->line);
}


static ngx_int_t
ngx_http_reauth_check_use(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf,
    ngx_http_reauth_use_t *use)
{
    if (ngx_http_reauth_check_needs(cf, mcf, use) != NGX_OK
        || ngx_http_reauth_check_location(cf, mcf, use) != NGX_OK
        || ngx_http_reauth_check_served(cf, use) != NGX_OK
        || ngx_http_reauth_check_targets(cf, mcf, use) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_strcmp(use->directive, "reauth_wait_max") == 0) {
        ngx_http_reauth_check_wait_max(cf, mcf, use);
    }

#if (NGX_HTTP_SSL)

    if (use->level->callers_certificate == 1
        && ngx_strcmp(use->directive, "reauth_callers_file") == 0
        && !ngx_http_reauth_check_verified(cf, use->level))
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"certificate=cn\" of \"reauth_callers_file\" has no "
                      "effect: no server verifies client certificates; add "
                      "\"ssl_verify_client\", or remove the parameter in "
                      "%s:%ui", use->file, use->line);
    }

#endif

    return NGX_OK;
}


ngx_int_t
ngx_http_reauth_check(ngx_conf_t *cf, ngx_http_reauth_main_conf_t *mcf)
{
    ngx_uint_t              i;
    ngx_http_reauth_use_t  *use;

    use = mcf->uses.elts;

    for (i = 0; i < mcf->uses.nelts; i++) {
        if (ngx_http_reauth_check_use(cf, mcf, &use[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < mcf->uses.nelts; i++) {
        if (mcf->key_index == NGX_ERROR
            && (use[i].level->serves & NGX_HTTP_REAUTH_SERVES_KEY)
            && ngx_strcmp(use[i].directive, "reauth_key_file") == 0)
        {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"reauth_key_file\" is specified, but no request "
                          "is sent with the key: add \"proxy_set_header "
                          "Authorization $reauth_authorization;\" next to "
                          "\"proxy_pass\" in %s:%ui", use[i].file,
                          use[i].line);
            break;
        }
    }

    return NGX_OK;
}
