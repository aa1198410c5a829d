
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Declarations shared by the files of the store.
 */


#ifndef _NGX_HTTP_REAUTH_STORE_COMMIT_H_INCLUDED_
#define _NGX_HTTP_REAUTH_STORE_COMMIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "reauth_reply.h"
#include "ngx_http_reauth_redis.h"
#include "ngx_http_reauth_store.h"


#define NGX_HTTP_REAUTH_TIMER           1000
#define NGX_HTTP_REAUTH_TIMER_WORK      100

/* about so many events; also in commit.lua */
#define NGX_HTTP_REAUTH_STREAM_LENGTH   "10000"


/* keys of a commit, the same with a notice, and arguments */
#define NGX_HTTP_REAUTH_COMMIT_KEYS     8
#define NGX_HTTP_REAUTH_NOTICE_KEYS     3
#define NGX_HTTP_REAUTH_COMMIT_ARGS                                           \
    (NGX_HTTP_REAUTH_REDIS_EVAL + NGX_HTTP_REAUTH_COMMIT_KEYS + 12            \
     + NGX_HTTP_REAUTH_NOTICE_KEYS + 8)
#define NGX_HTTP_REAUTH_COMMIT_TIMES    3


/* texts of the arguments of a commit about a notice, and of all of them */

typedef struct {
    u_char                       keys[NGX_HTTP_REAUTH_NOTICE_KEYS]
                                     [NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char                       data[REAUTH_NUMBER_MAX];
    u_char                       after[REAUTH_NOTICE_AFTER_MAX
                                       * (REAUTH_NUMBER_MAX + 1)];
    char                         identity[REAUTH_NOTICE_IDENTITY_MAX];
    char                         body[REAUTH_NOTICE_BODY_MAX];
} ngx_http_reauth_notice_texts_t;

typedef struct {
    u_char                       keys[NGX_HTTP_REAUTH_COMMIT_KEYS]
                                     [NGX_HTTP_REAUTH_REDIS_KEY_MAX];
    u_char                       times[NGX_HTTP_REAUTH_COMMIT_TIMES]
                                      [REAUTH_NUMBER_MAX];
    u_char                       revision[REAUTH_NUMBER_MAX];
    u_char                       ttl[REAUTH_NUMBER_MAX];
    u_char                       record[REAUTH_RECORD_TEXT_MAX];
    u_char                       event[REAUTH_RECORD_TEXT_MAX];
    u_char                       sealed[NGX_HTTP_REAUTH_OUTCOME_MAX];
    ngx_http_reauth_notice_texts_t  notice;
} ngx_http_reauth_commit_texts_t;


/* a fact, with the data needed to judge it again */

typedef struct {
    reauth_fact_t                fact;
    int64_t                      clock;         /* of its times */
    char                         attempt[REAUTH_ATTEMPT_MAX + 1];
    char                         caller[REAUTH_CALLER_MAX + 1];
    char                         progress[REAUTH_PROGRESS_MAX + 1];
    char                         error_code[REAUTH_ERROR_CODE_MAX + 1];
    char                         error_message[REAUTH_ERROR_MESSAGE_MAX + 1];
    uint8_t                      sealed[REAUTH_SEALED_MAX];
} ngx_http_reauth_fact_copy_t;


/* ngx_http_reauth_store.c */

/* decodes a record of Redis and checks its times; NGX_ERROR: invalid */
ngx_int_t ngx_http_reauth_store_record(ngx_http_reauth_store_t *store,
    const redisReply *reply, reauth_record_t *record);
ngx_int_t ngx_http_reauth_store_event_record(ngx_http_reauth_store_t *store,
    const redisReply *reply, reauth_record_t *record);


/* ngx_http_reauth_store_commit_args.c */

void ngx_http_reauth_number(ngx_str_t *text, u_char *buffer, int64_t number);

/*
 * Of the record in this revision; "trims": older events are removed.  Returns
 * the end of the arguments.
 */
ngx_str_t *ngx_http_reauth_commit_args(ngx_http_reauth_store_t *store,
    reauth_record_t *record, uint64_t revision, ngx_uint_t trims,
    ngx_str_t *arg, ngx_uint_t *nkeys,
    ngx_http_reauth_commit_texts_t *texts);


/* ngx_http_reauth_store_notice.c; without reauth_notify, they add nothing */

ngx_str_t *ngx_http_reauth_notice_keys(ngx_http_reauth_store_t *store,
    const reauth_record_t *record, ngx_str_t *arg,
    ngx_http_reauth_notice_texts_t *texts);
ngx_str_t *ngx_http_reauth_notice_args(ngx_http_reauth_store_t *store,
    const reauth_record_t *record, ngx_str_t *arg,
    ngx_http_reauth_notice_texts_t *texts);

/* writes notices about accounts that still wait for a person; once a second */
void ngx_http_reauth_store_still_waiting(ngx_http_reauth_store_t *store);


/* ngx_http_reauth_store_commit.c */

/* whether the record is that of a begin that has not been written */
ngx_uint_t ngx_http_reauth_commit_is_begin(ngx_http_reauth_store_t *store,
    const reauth_record_t *record);

/* writes a record that is not in Redis */
void ngx_http_reauth_store_flush_record(ngx_http_reauth_store_t *store,
    reauth_record_t *record);


/* ngx_http_reauth_store_flush.c */

void ngx_http_reauth_store_flush_handler(ngx_event_t *ev);

/* the same for the record of this account, unless it is that of a begin */
void ngx_http_reauth_store_flush_account(ngx_http_reauth_store_t *store,
    const char *account);

/* writes one record that is not in Redis; NGX_DECLINED: all are */
ngx_int_t ngx_http_reauth_store_flush_one(ngx_http_reauth_store_t *store);

/* a write of the round has completed */
void ngx_http_reauth_store_flush_next(ngx_http_reauth_store_t *store);


/* ngx_http_reauth_store_override.c */

/* merges that of an event or a reply; NGX_ERROR: it is not an override */
ngx_int_t ngx_http_reauth_store_merge_override(ngx_http_reauth_store_t *store,
    const redisReply *reply);

/* writes those that Redis may not have */
void ngx_http_reauth_store_flush_overrides(ngx_http_reauth_store_t *store);


/* ngx_http_reauth_store_fact.c; freed by ngx_free(), NULL: no memory */

ngx_http_reauth_fact_copy_t *ngx_http_reauth_store_fact_copy(
    ngx_http_reauth_store_t *store, const reauth_fact_t *fact);

/* before it is judged again: the clock may have been corrected */
void ngx_http_reauth_store_fact_move(ngx_http_reauth_fact_copy_t *kept);


/* ngx_http_reauth_store_outcome.c; the key of the kept response */

void ngx_http_reauth_outcome_key(ngx_http_reauth_store_t *store,
    ngx_str_t *key, u_char *buffer, const reauth_string_t *account,
    uint64_t number, ngx_uint_t kept);

/*
 * Arguments of a commit: whether the attempt has a stored response, the
 * response if it is in the zone, and the time for which Redis keeps it.
 * Buffers: sealed[NGX_HTTP_REAUTH_OUTCOME_MAX], ttl[REAUTH_NUMBER_MAX].
 */
ngx_str_t *ngx_http_reauth_outcome_args(ngx_http_reauth_store_t *store,
    const reauth_record_t *record, ngx_str_t *arg, u_char *sealed,
    u_char *ttl);


#endif /* _NGX_HTTP_REAUTH_STORE_COMMIT_H_INCLUDED_ */
