// The board: reads all accounts once, follows their changes, and draws.

import { Account } from './account.js';
import { Accounts } from './accounts.js';
import { api, follow, Refused, token } from './api.js';
import { byId, h } from './dom.js';
import { drawDurations } from './durations.js';
import { drawFleet } from './fleet.js';
import { List } from './list.js';
import { groupOrder, groups } from './words.js';

const accounts = new Accounts();

// ages are counted by the clock of the gateways, not by that of this machine

let clockAhead = 0;
const now = () => new Date(Date.now() - clockAhead).toISOString();

const list = new List(byId('list'), now, open);
const account = new Account(now, () => {
    history.replaceState(null, '', location.pathname);
    byId('list').focus();
});

let reading = null;
let again = false;
let timer = null;

function open(id) {
    const record = accounts.get(id);

    if (record) {
        history.replaceState(null, '', `#${id}`);
        account.open(record);
    }
}

// ---- drawing -----------------------------------------------------------------

// many changes are drawn together, four times a second

function changed() {
    timer ??= setTimeout(() => { timer = null; draw(); }, 250);
}

function draw() {
    const records = accounts.list();

    list.show(records);

    for (const button of byId('groups').children) {
        const name = button.dataset.group;

        button.querySelector('b').textContent = (accounts.counts[name] ?? 0).toLocaleString();
        button.setAttribute('aria-pressed', accounts.group === name);
    }

    document.title = accounts.counts.person ? `(${accounts.counts.person}) Accounts` : 'Accounts';

    const empty = byId('empty');
    empty.hidden = records.length > 0;
    empty.textContent = accounts.total === 0 ? 'No account is known yet. An account is listed after its first login through the gateway.'
        : accounts.search ? 'No account matches.' : 'No account is in this group.';

    if (!byId('durations').hidden) drawDurations(byId('durations'), accounts);
}

function live(text, kind) {
    byId('live').textContent = text;
    byId('live').dataset.kind = kind;
}

// ---- reading -----------------------------------------------------------------

async function readAll() {
    if (reading) {
        again = true;
        return reading;
    }

    reading = (async () => {
        do {
            again = false;
            accounts.begin();
            await api.accounts(page => {
                clockAhead = Date.now() - Date.parse(page.generated_at);
                page.accounts.forEach(record => accounts.put(record));
                changed();
            });
            accounts.end();
            changed();
        } while (again);
    })();

    try {
        await reading;
    } finally {
        reading = null;
    }

    if (account.id && accounts.get(account.id)) account.show(accounts.get(account.id));

    const id = location.hash.slice(1);
    if (!account.id && accounts.get(id)) { list.select(id); account.open(accounts.get(id)); }
}

async function readAllOrRetry() {
    for (;;) {
        try {
            await readAll();
            if (byId('live').dataset.kind === 'late') live('Live', 'good');
            return;
        } catch (error) {
            if (error instanceof Refused && (error.code === 401 || error.code === 403)) return;
            live('The accounts cannot be read; trying again', 'late');
            await new Promise(done => setTimeout(done, 2000));
        }
    }
}

let fleet = null;
let mayReadUsage = true;

async function readFleet() {
    clearTimeout(fleet);

    if (!document.hidden) {
        const shown = !byId('fleet').hidden;
        const [ready, summary, usage] = await Promise.allSettled([api.ready(), shown && api.summary(), shown && mayReadUsage && api.usage()]);

        if (usage.reason instanceof Refused) mayReadUsage = false;
        drawFleet(ready.value, summary.value, usage.value);
    }

    clearTimeout(fleet);
    fleet = setTimeout(readFleet, 5000);
}

function start() {
    byId('sign-out').hidden = token.get() === null;

    follow({
        open(resumed) {
            live('Live', 'good');
            if (!resumed) readAllOrRetry();
        },

        event(name, record) {
            if (!record.account_id) return;

            accounts.put(record);
            account.show(record);
            changed();
        },

        reset() {
            readAllOrRetry();
        },

        closed(error) {
            if (error instanceof Refused && (error.code === 401 || error.code === 403)) {
                live('Signed out', 'bad');
                signIn(error);
            } else {
                live('Reconnecting; what is shown may be out of date', 'bad');
            }
        },
    });

    readFleet();
}

// ---- signing in --------------------------------------------------------------

function signIn(error) {
    const dialog = byId('sign-in');

    if (token.get() !== null) byId('sign-in-message').textContent = error.message;
    token.remove();

    dialog.addEventListener('close', () => {
        const value = byId('token').value.trim();

        byId('token').value = '';
        if (value) token.set(value);
        start();
    }, { once: true });

    dialog.showModal();
}

byId('sign-in').addEventListener('cancel', event => event.preventDefault());

byId('sign-out').addEventListener('click', () => {
    token.remove();
    location.replace(location.pathname);
});

// ---- what can be pressed -----------------------------------------------------

byId('groups').append(...groupOrder.map(name => h('button', {
    type: 'button',
    'data-group': name,
    'aria-pressed': 'false',
    onclick: () => {
        accounts.group = accounts.group === name ? null : name;
        byId('list').scrollTop = 0;
        draw();
    },
}, h('b', null, '–'), h('span', null, groups[name].label), h('small', null, groups[name].hint))));

byId('search').addEventListener('input', event => {
    accounts.search = event.target.value;
    byId('list').scrollTop = 0;
    changed();
});

for (const [button, section, shown] of [['health', 'fleet', readFleet], ['show-durations', 'durations', draw]]) {
    byId(button).addEventListener('click', () => {
        const hidden = !byId(section).hidden;

        byId(section).hidden = hidden;
        byId(button).setAttribute('aria-expanded', !hidden);
        if (!hidden && shown) shown();
    });
}

document.addEventListener('keydown', event => {
    if (event.key === '/' && !event.target.closest('input, textarea, select, dialog')) {
        event.preventDefault();
        byId('search').focus();
    } else if (event.key === 'Escape' && event.target === byId('search')) {
        byId('list').focus();
    } else if (event.key === 'Escape' && !event.target.closest('dialog')) {
        account.close();
    }
});

document.addEventListener('visibilitychange', readFleet);

start();
