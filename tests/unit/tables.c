
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Prints the tables of ngx_module/core, a row a line, for t/docs-tables.t; and
 * what the words mean that are given, as states of a poll.
 */


#include <stdio.h>

#include "reauth_classify.h"
#include "reauth_error.h"
#include "reauth_route.h"


static const char *
shown(const char *name)
{
    return name ? name : "null";
}


static void
print_states(void)
{
    unsigned  i;

    for (i = REAUTH_STATE_NONE + 1; i < REAUTH_STATE_LAST; i++) {
        printf("state %s %s %d %d %s\n", reauth_state_name(i),
               reauth_state_is_active(i) ? "closed" : "open",
               reauth_state_needs_person(i), reauth_state_is_end(i),
               shown(reauth_action_name(reauth_state_action(i))));
    }

    for (i = 0; i < REAUTH_ACTION_LAST; i++) {
        printf("action %s\n", shown(reauth_action_name(i)));
    }

    for (i = 0; i < REAUTH_SOURCE_LAST; i++) {
        printf("source %s\n", shown(reauth_source_name(i)));
    }

    for (i = REAUTH_AUTH_TYPE_NONE + 1; i < REAUTH_AUTH_TYPE_LAST; i++) {
        printf("auth_type %s\n", reauth_auth_type_name(i));
    }

    for (i = 0; i < REAUTH_ERROR_LAST; i++) {
        printf("error %u %s\n", reauth_error_status(i), reauth_error_name(i));
    }
}


static void
print_routes(void)
{
    unsigned                     i, m;
    const reauth_route_entry_t  *route;

    for (i = REAUTH_OPERATION_NONE + 1; i < REAUTH_OPERATION_LAST; i++) {
        printf("operation %s\n", reauth_operation_name(i));
    }

    for (route = reauth_routes; route->tail; route++) {
        for (m = 0; route->methods[m].method; m++) {
            printf("route %s %s%s%s %s\n", route->methods[m].method,
                   route->fansly ? REAUTH_FANSLY_FAMILY : REAUTH_FAMILY,
                   route->kind == REAUTH_ID_NONE ? ""
                   : route->kind == REAUTH_ID_ATTEMPT ? "/{attempt_id}"
                   : "/{account_id}",
                   route->tail,
                   reauth_operation_name(route->methods[m].operation));
        }
    }
}


int
main(int argc, char **argv)
{
    int                 i;
    reauth_string_t     text;
    reauth_verdict_t    verdict;
    reauth_read_poll_t  read;

    print_states();
    print_routes();

    for (i = 1; i < argc; i++) {
        memset(&read, 0, sizeof(reauth_read_poll_t));

        text.data = (const unsigned char *) argv[i];
        text.len = strlen(argv[i]);
        reauth_word(read.state, &text);

        verdict = reauth_classify_poll(&read);

        printf("word %s %s\n", argv[i], reauth_state_name(verdict.state));
    }

    return 0;
}
