
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_listed.h"


int
reauth_listed_lacks(const reauth_listed_report_t *report)
{
    uint64_t  events, most;

    if (report->members < 0 || report->number == 0 || report->read == 0) {
        return 0;
    }

    events = report->number > report->read ? report->number - report->read
                                           : report->read - report->number;

    most = (uint64_t) report->members + report->unwritten;

    /* a counter that begins anew is far away */

    return report->active > most && report->active - most > events;
}


reauth_listed_state_t
reauth_listed_judge(reauth_listed_t *listed,
    const reauth_listed_report_t *report, int64_t now_ms)
{
    if (!reauth_listed_lacks(report)) {
        listed->reports = 0;
        listed->wait_ms = 0;

        return REAUTH_LISTED_ALL;
    }

    if (listed->again_ms != 0 && now_ms < listed->again_ms) {
        return REAUTH_LISTED_ALL;
    }

    if (++listed->reports < REAUTH_LISTED_REPORTS) {
        return REAUTH_LISTED_DOUBT;
    }

    listed->reports = 0;

    if (listed->wait_ms == 0) {
        listed->wait_ms = REAUTH_LISTED_AGAIN_MS;

    } else if (listed->wait_ms < REAUTH_LISTED_MAX_MS / 2) {
        listed->wait_ms *= 2;

    } else {
        listed->wait_ms = REAUTH_LISTED_MAX_MS;
    }

    listed->again_ms = now_ms + listed->wait_ms;

    return REAUTH_LISTED_LOST;
}


int
reauth_listed_restore(const reauth_stored_t *stored,
    const reauth_record_t *record, int64_t read_ms,
    reauth_judgement_t *verdict)
{
    verdict->again = 0;
    verdict->write = REAUTH_WRITE_NOTHING;
    verdict->dirty = 0;
    verdict->record = stored->record;

    if (stored->dirty
        || !reauth_state_is_active(stored->record.state)
        || !reauth_epoch_is(&stored->record, record->epoch, record->origin)
        || stored->record.updated_ms >= read_ms)
    {
        return 0;
    }

    /* over the revision that Redis has: a later change is not replaced */

    verdict->write = REAUTH_WRITE_REVISION;
    verdict->dirty = 1;

    return 1;
}
