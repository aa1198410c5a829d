
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Objects of replies.  All objects of a reply are in blocks that belong to the
 * outermost one: hiredis' own functions allocate and free each object and each
 * string, which takes four times as many instructions.
 */


#include <stdlib.h>

#include "reauth_reply.h"


/* under AddressSanitizer, each object has a block of its own */

#if defined(__SANITIZE_ADDRESS__)
#define REAUTH_REPLY_BLOCK  0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REAUTH_REPLY_BLOCK  0
#endif
#endif

/*
 * The size of the first block, which malloc() caches; each further one is twice
 * as large.
 */
#ifndef REAUTH_REPLY_BLOCK
#define REAUTH_REPLY_BLOCK  960
#endif

#define REAUTH_REPLY_ALIGNMENT  sizeof(long long)

/*
 * Maximum depth of nested arrays; those of a stream have a depth of five.
 * hiredis 1.x has no limit, and the outermost object is searched for from
 * each array.
 */
#define REAUTH_REPLY_DEPTH_MAX  8


#if (HIREDIS_MAJOR > 0)
typedef size_t  reauth_reply_elements_t;
#else
typedef int     reauth_reply_elements_t;
#endif


typedef struct reauth_reply_block_s  reauth_reply_block_t;

struct reauth_reply_block_s {
    reauth_reply_block_t  *next;
    size_t                 size;
};


/* the outermost object, at the beginning of the last block of the list */

typedef struct {
    redisReply             reply;
    reauth_reply_block_t  *block;      /* the one in use: first of a list */
    size_t                 used;       /* of this block */
} reauth_reply_root_t;


static redisReply *reauth_reply_create(const redisReadTask *task, size_t size,
    void **data);
static void *reauth_reply_alloc(reauth_reply_root_t *root, size_t size);
static reauth_reply_block_t *reauth_reply_block(size_t size,
    reauth_reply_block_t *next);


static void *
reauth_reply_create_string(const redisReadTask *task, char *text, size_t len)
{
    void        *data;
    redisReply  *reply;

    reply = reauth_reply_create(task, len + 1, &data);

    if (reply != NULL) {
        reply->str = data;
        reply->len = len;

        memcpy(reply->str, text, len);
        reply->str[len] = '\0';
    }

    return reply;
}


static void *
reauth_reply_create_array(const redisReadTask *task,
    reauth_reply_elements_t elements)
{
    void        *data;
    redisReply  *reply;

    if (elements > REAUTH_REPLY_ELEMENTS_MAX) {
        return NULL;
    }

    reply = reauth_reply_create(task, (size_t) elements * sizeof(redisReply *),
                                &data);

    if (reply != NULL) {
        reply->element = data;
        reply->elements = (size_t) elements;
    }

    return reply;
}


static void *
reauth_reply_create_integer(const redisReadTask *task, long long value)
{
    redisReply  *reply;

    reply = reauth_reply_create(task, 0, NULL);

    if (reply != NULL) {
        reply->integer = value;
    }

    return reply;
}


static void *
reauth_reply_create_nil(const redisReadTask *task)
{
    redisReply  *reply;

    reply = reauth_reply_create(task, 0, NULL);

    /* the type of the task is that of a string or an array */

    if (reply != NULL) {
        reply->type = REDIS_REPLY_NIL;
    }

    return reply;
}


/* types of a later protocol, which are not used */

#if (HIREDIS_MAJOR > 0)

static void *
reauth_reply_create_double(const redisReadTask *task, double value, char *text,
    size_t len)
{
    (void) value;

    return reauth_reply_create_string(task, text, len);
}


static void *
reauth_reply_create_bool(const redisReadTask *task, int value)
{
    return reauth_reply_create_integer(task, value);
}

#endif


static redisReplyObjectFunctions  reauth_reply_functions = {
    .createString = reauth_reply_create_string,
    .createArray = reauth_reply_create_array,
    .createInteger = reauth_reply_create_integer,
#if (HIREDIS_MAJOR > 0)
    .createDouble = reauth_reply_create_double,
    .createBool = reauth_reply_create_bool,
#endif
    .createNil = reauth_reply_create_nil,
    .freeObject = reauth_reply_free
};


redisReader *
reauth_reply_reader(void)
{
    redisReader  *reader;

    reader = redisReaderCreateWithFunctions(&reauth_reply_functions);

    if (reader == NULL) {
        return NULL;
    }

    /* large enough for a page of replies: not reallocated for each page */
    reader->maxbuf = REAUTH_REPLY_BUFFER;

    return reader;
}


/* "size" bytes of data follow the object; NULL: no memory */

static redisReply *
reauth_reply_create(const redisReadTask *task, size_t size, void **data)
{
    unsigned               depth;
    redisReply            *reply, *parent;
    reauth_reply_root_t   *root;
    const redisReadTask   *outer;
    reauth_reply_block_t  *block;

    if (task->parent == NULL) {
        block = reauth_reply_block(sizeof(reauth_reply_root_t) + size, NULL);

        if (block == NULL) {
            return NULL;
        }

        root = (reauth_reply_root_t *) (block + 1);
        root->block = block;
        root->used = sizeof(reauth_reply_root_t) + size;

        reply = &root->reply;

        if (data != NULL) {
            *data = root + 1;
        }

    } else {
        depth = 0;

        for (outer = task; outer->parent != NULL; outer = outer->parent) {
            if (++depth > REAUTH_REPLY_DEPTH_MAX) {
                return NULL;
            }
        }

        reply = reauth_reply_alloc(outer->obj, sizeof(redisReply) + size);

        if (reply == NULL) {
            return NULL;
        }

        if (data != NULL) {
            *data = reply + 1;
        }

        parent = task->parent->obj;
        parent->element[task->idx] = reply;
    }

    memset(reply, 0, sizeof(redisReply));
    reply->type = task->type;

    return reply;
}


static void *
reauth_reply_alloc(reauth_reply_root_t *root, size_t size)
{
    char                  *p;
    reauth_reply_block_t  *block;

    root->used = (root->used + REAUTH_REPLY_ALIGNMENT - 1)
                 & ~(size_t) (REAUTH_REPLY_ALIGNMENT - 1);

    block = root->block;

    if (root->used + size > block->size) {
        block = reauth_reply_block(size, block);

        if (block == NULL) {
            return NULL;
        }

        root->block = block;
        root->used = 0;
    }

    p = (char *) (block + 1) + root->used;
    root->used += size;

    return p;
}


/* of at least this size; each one is larger than the next one in the list */

static reauth_reply_block_t *
reauth_reply_block(size_t size, reauth_reply_block_t *next)
{
    size_t                 most;
    reauth_reply_block_t  *block;

    most = next != NULL ? 2 * next->size : REAUTH_REPLY_BLOCK;

    if (most < size || REAUTH_REPLY_BLOCK == 0) {
        most = size;
    }

    block = malloc(sizeof(reauth_reply_block_t) + most);

    if (block != NULL) {
        block->next = next;
        block->size = most;
    }

    return block;
}


void
reauth_reply_free(void *reply)
{
    reauth_reply_root_t   *root = reply;
    reauth_reply_block_t  *block, *next;

    /* the last one contains the reply itself */

    for (block = root->block; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
}
