// The gateway itself: what is wrong, and the figures that explain it.

import { byId, h } from './dom.js';
import { clock, duration } from './words.js';

const upstreams = {
    ok: 'responds',
    unauthorized: 'refuses our API key',
    limited: 'limits our requests',
    failing: 'does not respond properly',
    unknown: 'nothing sent yet',
};

const most = 10;

// the callers that have used the most

function drawUsage({ callers }) {
    const sorted = [...callers].sort((a, b) => b.credits - a.credits || b.calls - a.calls);
    const number = value => h('td', null, value.toLocaleString());

    return h('table', null,
        h('caption', null, `Used of the upstream through this gateway${sorted.length > most ? `: ${most} of ${sorted.length} callers` : ''}`),
        h('thead', null, h('tr', null, ['Caller', 'Credits', 'Calls', 'Budget'].map(name => h('th', { scope: 'col' }, name)))),
        h('tbody', null, sorted.slice(0, most).map(one => {
            const spent = one.spent >= parseInt(one.budget, 10);

            return h('tr', { 'data-spent': spent },
                h('th', { scope: 'row' }, one.caller),
                number(one.credits),
                number(one.calls),
                h('td', null, one.budget
                    ? `${one.spent.toLocaleString()} of ${one.budget}, ${spent ? 'calls are rejected' : 'counted'} until ${clock(one.resets_at)}` : ''));
        })));
}

export function drawFleet(ready, summary, usage) {
    const button = byId('health');
    const status = ready ? ready.status : 'unreachable';

    button.textContent = { ready: 'Ready', degraded: 'Degraded', loading: 'Loading', draining: 'Draining' }[status] || 'Unreachable';
    button.dataset.status = status;

    const reasons = ready?.reasons || [];
    const facts = [];

    if (summary) {
        const { store, upstream, poller, zone } = summary;

        facts.push(['Redis', store.redis === 'none' ? 'not configured' : store.redis === 'up' ? `up, ${store.lag_ms} ms` : 'down']);
        facts.push(['Clock', `${summary.clock_offset_ms} ms ahead of the fleet`]);

        if (upstream) {
            facts.push(['Upstream', `${upstreams[upstream.state] || upstream.state}${upstream.error ? ` (${upstream.error})` : ''}${upstream.last_ok_at ? `, last good response at ${clock(upstream.last_ok_at)}` : ''}`]);
        }

        if (poller) {
            facts.push(['Polls', `${poller.due} due, ${duration(Math.round(poller.lag_seconds || 0))} late${poller.paused_until ? `, paused until ${clock(poller.paused_until)}` : ''}`]);
        }

        facts.push(['Oldest login', summary.oldest_active_seconds === null ? 'no active login' : duration(summary.oldest_active_seconds)]);
        facts.push(['Zone', `${zone.accounts} accounts, ${Math.round(zone.free / zone.size * 100)} % free${zone.dropped ? `, ${zone.dropped} changes dropped` : ''}`]);
        if (summary.version) facts.push(['Version', summary.version]);
    }

    byId('fleet').replaceChildren(
        reasons.length ? h('ul', { class: 'reasons' }, reasons.map(reason => h('li', null, reason)))
                       : h('p', null, ready ? 'No problem is known.' : 'The gateway does not respond.'),
        h('dl', null, facts.map(([name, value]) => [h('dt', null, name), h('dd', null, value)])),
        ...(usage && usage.callers.length ? [drawUsage(usage)] : []));
}
