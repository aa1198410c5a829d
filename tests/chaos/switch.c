
/*
 * Copyright (C) the nginx-reauth authors
 *
 * A switch between TAP devices, with faults between pairs of machines.
 *
 * switch NAME...: creates the devices and prints "ready".  The last byte of the
 * Ethernet address of device N, from 0, must be N.  Commands are lines of the
 * standard input, which also ends the switch:
 *
 *     pair A B DELAY LOSS    frames between A and B are delayed by so many ms,
 *                            and so many of 1000 are lost, both ways
 */


#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>


#define SWITCH_PORTS   32
#define SWITCH_FRAME   2048
#define SWITCH_FRAMES  65536            /* delayed ones; more are lost */
#define SWITCH_ALL     1000             /* of LOSS */


typedef struct frame_s  frame_t;

struct frame_s {
    frame_t        *next;
    int64_t         due;                /* ms */
    int             port;
    size_t          len;
    unsigned char   data[];
};


typedef struct {
    int  delay;
    int  loss;
} pair_t;


static int        nports;
static int        ports[SWITCH_PORTS];
static pair_t     pairs[SWITCH_PORTS][SWITCH_PORTS];
static frame_t   *delayed;              /* in the order in which they are due */
static int        ndelayed;


static int64_t
switch_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static int
switch_open(const char *name)
{
    int           fd;
    struct ifreq  ifr;

    fd = open("/dev/net/tun", O_RDWR|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1) {
        perror("/dev/net/tun");
        exit(1);
    }

    memset(&ifr, 0, sizeof(ifr));
    ifr.ifr_flags = IFF_TAP|IFF_NO_PI;
    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);

    if (ioctl(fd, TUNSETIFF, &ifr) == -1) {
        perror(name);
        exit(1);
    }

    return fd;
}


static void
switch_write(int port, const unsigned char *data, size_t len)
{
    /* a device that is down or full loses the frame */

    if (write(ports[port], data, len) == -1 && errno == EBADF) {
        perror("write");
        exit(1);
    }
}


static void
switch_delay(int port, const unsigned char *data, size_t len, int delay)
{
    frame_t  *frame, **at;

    frame = ndelayed < SWITCH_FRAMES ? malloc(sizeof(frame_t) + len) : NULL;

    if (frame == NULL) {
        return;
    }

    frame->due = switch_now() + delay;
    frame->port = port;
    frame->len = len;
    memcpy(frame->data, data, len);

    for (at = &delayed; *at && (*at)->due <= frame->due; at = &(*at)->next) {
        /* void */
    }

    frame->next = *at;
    *at = frame;
    ndelayed++;
}


static void
switch_send(int from, int to, const unsigned char *data, size_t len)
{
    pair_t  *pair;

    pair = &pairs[from][to];

    if (from == to || (pair->loss && random() % SWITCH_ALL < pair->loss)) {
        return;
    }

    if (pair->delay) {
        switch_delay(to, data, len, pair->delay);

    } else {
        switch_write(to, data, len);
    }
}


static void
switch_read(int from)
{
    int            i;
    ssize_t        n;
    unsigned char  data[SWITCH_FRAME];

    for ( ;; ) {
        n = read(ports[from], data, sizeof(data));

        if (n < 14) {
            return;
        }

        if (!(data[0] & 1)) {

            if (data[5] < nports) {
                switch_send(from, data[5], data, (size_t) n);
            }

            continue;
        }

        for (i = 0; i < nports; i++) {
            switch_send(from, i, data, (size_t) n);
        }
    }
}


/* sends what is due; returns the time until the next one, -1: there is none */

static int
switch_expire(void)
{
    int64_t   now;
    frame_t  *frame;

    now = switch_now();

    while (delayed && delayed->due <= now) {
        frame = delayed;
        delayed = frame->next;
        ndelayed--;

        switch_write(frame->port, frame->data, frame->len);
        free(frame);
    }

    return delayed ? (int) (delayed->due - now) : -1;
}


/* commands are shorter than the buffer of a pipe, and come in whole lines */

static void
switch_command(void)
{
    int       a, b;
    char      text[4096], *line, *last;
    pair_t    pair;
    ssize_t   n;

    n = read(STDIN_FILENO, text, sizeof(text) - 1);

    if (n <= 0) {
        exit(0);
    }

    text[n] = '\0';

    for (line = strtok_r(text, "\n", &last);
         line;
         line = strtok_r(NULL, "\n", &last))
    {
        if (sscanf(line, "pair %d %d %d %d", &a, &b, &pair.delay, &pair.loss)
            != 4
            || a < 0 || a >= nports || b < 0 || b >= nports)
        {
            fprintf(stderr, "switch: invalid command: %s\n", line);
            exit(1);
        }

        pairs[a][b] = pair;
        pairs[b][a] = pair;
    }
}


int
main(int argc, char **argv)
{
    int            i, timeout;
    struct pollfd  events[SWITCH_PORTS + 1];

    if (argc < 2 || argc - 1 > SWITCH_PORTS) {
        fprintf(stderr, "usage: switch NAME...\n");
        return 1;
    }

    for (nports = 0; nports < argc - 1; nports++) {
        ports[nports] = switch_open(argv[nports + 1]);
        events[nports].fd = ports[nports];
        events[nports].events = POLLIN;
    }

    events[nports].fd = STDIN_FILENO;
    events[nports].events = POLLIN;

    puts("ready");
    fflush(stdout);

    for ( ;; ) {
        timeout = switch_expire();

        if (poll(events, (nfds_t) nports + 1, timeout) == -1
            && errno != EINTR)
        {
            perror("poll");
            return 1;
        }

        for (i = 0; i < nports; i++) {

            if (events[i].revents & POLLIN) {
                switch_read(i);
            }
        }

        if (events[nports].revents) {
            switch_command();
        }
    }
}
