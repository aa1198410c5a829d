
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Scripts: the texts that the module loads, run by Lua 5.1 with redis.call()
 * and redis.pcall(), whose results are converted as Redis does it.
 */


#include <openssl/sha.h>

#include "redis_model.h"


/* the value at *p, of the protocol, is pushed */

static void
push_reply(lua_State *lua, const char **p)
{
    int          i;
    long long    n;
    const char  *end;

    if (**p == '+' || **p == '-') {
        n = 0;
        end = strchr(*p, '\r');

    } else {
        end = number_at(*p + 1, &n);
    }

    switch (**p) {

    case ':':
        lua_pushnumber(lua, (lua_Number) n);
        *p = end + 2;
        return;

    case '$':
        *p = end + 2;

        if (n < 0) {
            lua_pushboolean(lua, 0);
            return;
        }

        lua_pushlstring(lua, *p, (size_t) n);
        *p += n + 2;
        return;

    case '+':
    case '-':
        lua_newtable(lua);
        lua_pushlstring(lua, *p + 1, (size_t) (end - *p - 1));
        lua_setfield(lua, -2, **p == '+' ? "ok" : "err");
        *p = end + 2;
        return;

    default: /* '*' */
        *p = end + 2;

        if (n < 0) {
            lua_pushboolean(lua, 0);
            return;
        }

        lua_createtable(lua, (int) n, 0);

        for (i = 1; i <= n; i++) {
            push_reply(lua, p);
            lua_rawseti(lua, -2, i);
        }
    }
}


static int
call(lua_State *lua, int raise)
{
    int          i, argc;
    char         numbers[REDIS_ARGS][32];
    arg_t        argv[REDIS_ARGS];
    redis_t     *redis;
    const char  *p;

    redis = lua_touserdata(lua, lua_upvalueindex(1));
    argc = lua_gettop(lua);

    if (argc == 0 || argc > REDIS_ARGS) {
        return luaL_error(lua, "Please specify at least one argument for this "
                               "redis lib call");
    }

    for (i = 0; i < argc; i++) {

        if (lua_type(lua, i + 1) == LUA_TNUMBER) {
            argv[i].len = number_text(numbers[i], lua_tonumber(lua, i + 1));
            argv[i].data = numbers[i];

        } else if (lua_type(lua, i + 1) == LUA_TSTRING) {
            argv[i].data = lua_tolstring(lua, i + 1, &argv[i].len);

        } else {
            return luaL_error(lua, "Lua redis lib command arguments must be "
                                   "strings or integers");
        }
    }

    redis->inner.len = 0;
    redis_execute(redis, NULL, argc, argv, &redis->inner);

    p = redis->inner.data;
    push_reply(lua, &p);

    if (raise && redis->inner.data[0] == '-') {
        return lua_error(lua);
    }

    return 1;
}


static int
lua_call_raise(lua_State *lua)
{
    return call(lua, 1);
}


static int
lua_call_tell(lua_State *lua)
{
    return call(lua, 0);
}


static int
lua_error_reply(lua_State *lua)
{
    lua_newtable(lua);
    lua_pushvalue(lua, 1);
    lua_setfield(lua, -2, "err");

    return 1;
}


static int
lua_status_reply(lua_State *lua)
{
    lua_newtable(lua);
    lua_pushvalue(lua, 1);
    lua_setfield(lua, -2, "ok");

    return 1;
}


int
redis_lua_init(redis_t *redis)
{
    lua_State  *lua;

    lua = luaL_newstate();

    if (lua == NULL) {
        return -1;
    }

    luaL_openlibs(lua);

    lua_newtable(lua);

    lua_pushlightuserdata(lua, redis);
    lua_pushcclosure(lua, lua_call_raise, 1);
    lua_setfield(lua, -2, "call");

    lua_pushlightuserdata(lua, redis);
    lua_pushcclosure(lua, lua_call_tell, 1);
    lua_setfield(lua, -2, "pcall");

    lua_pushcfunction(lua, lua_error_reply);
    lua_setfield(lua, -2, "error_reply");

    lua_pushcfunction(lua, lua_status_reply);
    lua_setfield(lua, -2, "status_reply");

    lua_setglobal(lua, "redis");

    redis->lua = lua;

    return 0;
}


void
redis_lua_load(redis_t *redis, const arg_t *text, buffer_t *out)
{
    int            i;
    size_t         n;
    script_t      *script;
    unsigned char  digest[SHA_DIGEST_LENGTH];

    for (n = 0; n < redis->nscripts; n++) {
        script = &redis->scripts[n];

        if (script->len == text->len
            && memcmp(script->text, text->data, text->len) == 0)
        {
            script->known = 1;
            reply_bulk(out, script->sha, 40);
            return;
        }
    }

    if (redis->nscripts == REDIS_SCRIPTS) {
        abort();
    }

    if (luaL_loadbuffer(redis->lua, text->data, text->len, "@user_script")
        != 0)
    {
        fprintf(stderr, "script: %s\n", lua_tostring(redis->lua, -1));
        lua_pop(redis->lua, 1);
        reply_error(out, "ERR Error compiling script");
        return;
    }

    script = &redis->scripts[redis->nscripts++];

    script->ref = luaL_ref(redis->lua, LUA_REGISTRYINDEX);
    script->known = 1;
    script->len = text->len;
    script->text = malloc(text->len);

    if (script->text == NULL) {
        abort();
    }

    memcpy(script->text, text->data, text->len);

    SHA1((const unsigned char *) text->data, text->len, digest);

    for (i = 0; i < SHA_DIGEST_LENGTH; i++) {
        sprintf(script->sha + i * 2, "%02x", digest[i]);
    }

    reply_bulk(out, script->sha, 40);
}


static void
set_table(lua_State *lua, const char *name, int n, const arg_t *argv)
{
    int  i;

    lua_createtable(lua, n, 0);

    for (i = 0; i < n; i++) {
        lua_pushlstring(lua, argv[i].data, argv[i].len);
        lua_rawseti(lua, -2, i + 1);
    }

    lua_setglobal(lua, name);
}


static void
reply_value(lua_State *lua, buffer_t *out)
{
    int          n, i;
    size_t       len;
    const char  *text;

    switch (lua_type(lua, -1)) {

    case LUA_TSTRING:
        text = lua_tolstring(lua, -1, &len);
        reply_bulk(out, text, len);
        break;

    case LUA_TNUMBER:
        reply_number(out, (long long) lua_tonumber(lua, -1));
        break;

    case LUA_TBOOLEAN:
        if (lua_toboolean(lua, -1)) {
            reply_number(out, 1);
        } else {
            reply_nil(out);
        }

        break;

    case LUA_TTABLE:
        lua_getfield(lua, -1, "err");

        if (lua_type(lua, -1) == LUA_TSTRING) {
            reply_error(out, lua_tostring(lua, -1));
            lua_pop(lua, 1);
            break;
        }

        lua_pop(lua, 1);
        lua_getfield(lua, -1, "ok");

        if (lua_type(lua, -1) == LUA_TSTRING) {
            reply_status(out, lua_tostring(lua, -1));
            lua_pop(lua, 1);
            break;
        }

        lua_pop(lua, 1);

        /* up to the first nil */

        for (n = 0; ; n++) {
            lua_rawgeti(lua, -1, n + 1);
            i = lua_isnil(lua, -1);
            lua_pop(lua, 1);

            if (i) {
                break;
            }
        }

        reply_array(out, n);

        for (i = 1; i <= n; i++) {
            lua_rawgeti(lua, -1, i);
            reply_value(lua, out);
            lua_pop(lua, 1);
        }

        break;

    default:
        reply_nil(out);
    }
}


void
redis_lua_eval(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int         nkeys;
    size_t      n;
    script_t   *script;
    lua_State  *lua;

    lua = redis->lua;
    nkeys = atoi(argv[2].data);
    script = NULL;

    for (n = 0; n < redis->nscripts; n++) {
        if (redis->scripts[n].known
            && argv[1].len == 40
            && memcmp(redis->scripts[n].sha, argv[1].data, 40) == 0)
        {
            script = &redis->scripts[n];
        }
    }

    if (script == NULL) {
        reply_error(out, "NOSCRIPT No matching script. Please use EVAL.");
        return;
    }

    set_table(lua, "KEYS", nkeys, argv + 3);
    set_table(lua, "ARGV", argc - 3 - nkeys, argv + 3 + nkeys);

    lua_rawgeti(lua, LUA_REGISTRYINDEX, script->ref);

    if (lua_pcall(lua, 0, 1, 0) != 0 && lua_type(lua, -1) == LUA_TSTRING) {

        /* an error of Lua, not of a command */

        fprintf(stderr, "script: %s\n", lua_tostring(lua, -1));
        reply_error(out, "ERR Error running script");

    } else {
        reply_value(lua, out);
    }

    lua_pop(lua, 1);
}
