
/*
 * Copyright (C) the nginx-reauth authors
 *
 * An order by a key, compared with a sorted array; keys are changed at random,
 * in the order of time, and against it.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reauth_order.h"


#define MANY   100000

/* of a random tree of MANY nodes: 23 on average */
#define DEPTH  60


typedef struct {
    int64_t    key;
    uint32_t   links[2];
    int        used;
} node_t;


static node_t          nodes[MANY + 1];
static reauth_order_t  order;
static uint32_t        steps;


static reauth_order_node_t
get(void *data, uint32_t number)
{
    reauth_order_node_t  node;

    assert_ptr_equal(data, nodes);
    assert_true(number >= 1 && number <= MANY);
    assert_true(nodes[number].used);

    steps++;

    node.key = nodes[number].key;
    node.links = nodes[number].links;

    return node;
}


static void
add(uint32_t number, int64_t key)
{
    nodes[number].key = key;
    nodes[number].used = 1;

    reauth_order_add(&order, get, nodes, number);
}


static void
forget(uint32_t number)
{
    reauth_order_remove(&order, get, nodes, number);

    memset(&nodes[number], 0xff, sizeof(node_t));
    nodes[number].used = 0;
}


static uint32_t
after(int64_t key, uint32_t number)
{
    return reauth_order_after(&order, get, nodes, key, number);
}


/* the same by looking at all nodes */

static uint32_t
expected(int64_t key, uint32_t number, uint32_t n)
{
    uint32_t  i, found;

    found = 0;

    for (i = 1; i <= n; i++) {

        if (!nodes[i].used
            || nodes[i].key > key
            || (nodes[i].key == key && i >= number))
        {
            continue;
        }

        if (found == 0 || nodes[i].key >= nodes[found].key) {
            found = i;
        }
    }

    return found;
}


static int
setup(void **state)
{
    (void) state;

    memset(nodes, 0, sizeof(nodes));
    memset(&order, 0, sizeof(order));

    order.seed = 4711;

    return 0;
}


static uint32_t
check_all(void)
{
    int64_t   key;
    uint32_t  i, number, n;

    key = INT64_MAX;
    number = UINT32_MAX;

    for (n = 0; (i = after(key, number)) != 0; n++) {
        assert_true(nodes[i].key <= key);
        assert_true(i < number || nodes[i].key < key);
        key = nodes[i].key;
        number = i;
    }

    return n;
}


static void
test_empty(void **state)
{
    (void) state;

    assert_int_equal(after(INT64_MAX, UINT32_MAX), 0);

    add(1, 5);
    assert_int_equal(after(INT64_MAX, UINT32_MAX), 1);
    assert_int_equal(after(5, 1), 0);
    assert_int_equal(after(5, 2), 1);
    assert_int_equal(after(4, UINT32_MAX), 0);

    forget(1);
    assert_int_equal(after(INT64_MAX, UINT32_MAX), 0);
}


/* a node that is not in the order is not removed, nor any other one */

static void
test_not_added(void **state)
{
    (void) state;

    add(1, 5);
    add(2, 6);

    nodes[3].key = 5;
    nodes[3].used = 1;
    reauth_order_remove(&order, get, nodes, 3);

    assert_int_equal(check_all(), 2);
}


static void
test_random(void **state)
{
    int64_t    key;
    uint32_t   i, n, number, step;

    (void) state;

    srand(1);
    n = 40;

    for (step = 0; step < 200000; step++) {
        number = 1 + (uint32_t) rand() % n;

        if (nodes[number].used) {
            forget(number);
        }

        /* few keys, so that many are equal */

        if (rand() % 3 != 0) {
            add(number, rand() % 20);
        }

        /* positions of nodes that are there, and of those that are not */

        key = rand() % 22 - 1;
        i = (uint32_t) rand() % (n + 2);

        assert_int_equal(after(key, i), expected(key, i, n));
    }

    for (i = 1, number = 0; i <= n; i++) {
        number += (uint32_t) nodes[i].used;
    }

    assert_int_equal(check_all(), number);
}


/* the deepest search of all */

static uint32_t
depth(void)
{
    uint32_t  i, deepest;

    deepest = 0;

    for (i = 1; i <= MANY; i++) {
        steps = 0;
        (void) after(nodes[i].key, i);

        if (steps > deepest) {
            deepest = steps;
        }
    }

    return deepest;
}


static void
test_balanced(void **state)
{
    uint32_t  i;

    (void) state;

    /* as time goes on */

    for (i = 1; i <= MANY; i++) {
        add(i, i);
    }

    assert_true(depth() < DEPTH);
    assert_int_equal(check_all(), MANY);

    /* the oldest are changed */

    steps = 0;

    for (i = 1; i <= MANY; i++) {
        forget(i);
        add(i, MANY + i);
    }

    assert_true(steps / MANY < DEPTH);
    assert_true(depth() < DEPTH);

    /* the reverse order */

    setup(NULL);

    for (i = MANY; i >= 1; i--) {
        add(i, i);
    }

    assert_true(depth() < DEPTH);

    assert_int_equal(check_all(), MANY);

    /* all at once */

    setup(NULL);

    for (i = 1; i <= MANY; i++) {
        add(i, 7);
    }

    assert_true(depth() < DEPTH);
    assert_int_equal(check_all(), MANY);

    for (i = 1; i <= MANY; i++) {
        forget(i);
    }

    assert_int_equal(order.root, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_empty, setup),
        cmocka_unit_test_setup(test_not_added, setup),
        cmocka_unit_test_setup(test_random, setup),
        cmocka_unit_test_setup(test_balanced, setup)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
