
/*
 * Copyright (C) the nginx-reauth authors
 *
 * An allocator for jansson that fails after a number of allocations.
 */


#ifndef FAILING_H
#define FAILING_H


#include <stdlib.h>


static unsigned  allocations_left;


static void *
failing_malloc(size_t size)
{
    if (allocations_left == 0) {
        return NULL;
    }

    allocations_left--;

    return malloc(size);
}


#endif /* FAILING_H */
