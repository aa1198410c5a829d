// How long logins took, by auth_type: of the last attempt of each account that
// is logged in.

import { h, svg } from './dom.js';
import { duration, seconds } from './words.js';

const bounds = [5, 10, 20, 30, 60, 90, 120, 180, 300, 600, Infinity];

function chart(type, values) {
    values.sort((a, b) => a - b);

    const bars = bounds.map(() => 0);
    for (const value of values) bars[bounds.findIndex(bound => value < bound)]++;

    const at = part => values[Math.min(values.length - 1, Math.floor(values.length * part))];
    const most = Math.max(...bars);
    const words = `${values.length} logins: half of them within ${duration(at(0.5))}, nine of ten within ${duration(at(0.9))}`;

    return h('figure', null,
        h('figcaption', null, h('b', null, type), ` ${words}`),
        svg('svg', { viewBox: `0 0 ${bounds.length * 40} 96`, role: 'img', 'aria-label': `${type}: ${words}` },
            bars.map((count, i) => svg('g', null,
                svg('rect', { x: i * 40 + 4, width: 32, y: 70 - count / most * 56, height: count / most * 56 + 1, rx: 2 }),
                count ? svg('text', { x: i * 40 + 20, y: 66 - count / most * 56, class: 'count' }, String(count)) : null,
                svg('text', { x: i * 40 + 20, y: 88 }, bounds[i] === Infinity ? 'longer'
                    : bounds[i] < 60 ? `${bounds[i]} s` : `${bounds[i] / 60} min`)))));
}

export function drawDurations(element, accounts) {
    const types = new Map();

    for (const record of accounts.all()) {
        if (record.state !== 'succeeded' || !record.completed_at || !record.since) continue;

        const type = record.auth_type || 'begun elsewhere';
        if (!types.has(type)) types.set(type, []);
        types.get(type).push(seconds(record.since, record.completed_at));
    }

    element.replaceChildren(h('h2', null, 'Durations of logins', h('small', null, ' a bar for each range, labeled with its end')),
        ...(types.size ? [...types].sort().map(([type, values]) => chart(type, values))
                       : [h('p', null, 'No login has ended yet.')]));
}
