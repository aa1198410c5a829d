// Requests to the gateway.  The board is served below the prefix of
// "reauth_status", the authenticate family below "/api/".

const status = new URL('..', location.href);
const family = new URL('/api/', location.href);
const storageKey = 'reauth-token';

export class Refused extends Error {
    constructor(code, body) {
        super((body && (body.description || body.message)) || `The gateway responded with ${code}.`);
        this.code = code;
        this.body = body;
    }
}

export const token = {
    get: () => sessionStorage.getItem(storageKey),
    set: value => sessionStorage.setItem(storageKey, value),
    remove: () => sessionStorage.removeItem(storageKey),
};

function headers(more) {
    const value = token.get();

    return value ? { Authorization: `Bearer ${value}`, ...more } : { ...more };
}

async function request(base, path, { method = 'GET', body, accept = [] } = {}) {
    const response = await fetch(new URL(path, base), {
        method,
        headers: headers(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: 'no-store',
        redirect: 'error',
        signal: AbortSignal.timeout(60000),
    });

    const text = await response.text();
    let json = null;

    try {
        json = text ? JSON.parse(text) : null;
    } catch { /* not from the gateway */ }

    if (!response.ok && !accept.includes(response.status)) throw new Refused(response.status, json);

    return json;
}

const id = account => encodeURIComponent(account);

export const api = {
    // calls "each" for each page
    async accounts(each) {
        for (let cursor = null;;) {
            const page = await request(status, `accounts?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);

            each(page);

            cursor = page.next_cursor;
            if (cursor === null) return;
        }
    },

    account: account => request(status, `accounts/${id(account)}`),
    timeline: account => request(status, `accounts/${id(account)}/timeline`),
    summary: () => request(status, 'summary'),
    usage: () => request(status, 'usage'),
    ready: () => request(status, 'readyz', { accept: [503] }),

    override: (account, gate, time, reason) => request(status, `accounts/${id(account)}/override`,
        { method: 'PUT', body: { gate, for: time, reason } }),
    endOverride: account => request(status, `accounts/${id(account)}/override`, { method: 'DELETE' }),
    poll: account => request(status, `accounts/${id(account)}/poll`, { method: 'POST' }),
    forget: (account, reason) => request(status, `accounts/${id(account)}`, { method: 'DELETE', body: { reason } }),

    code: (attempt, code) => request(family, `authenticate/${id(attempt)}`, { method: 'PUT', body: { code } }),
    update: (account, credentials) => request(family, `authenticate/${id(account)}/credentials`,
        { method: 'PUT', body: credentials }),
};

// The stream of changes.  EventSource cannot send a token, so it is read here.
// "on" has open(), record(record), reset(), closed(error).

export async function follow(on) {
    let last = null;

    for (let failures = 0;; failures++) {
        const abort = new AbortController();
        let silence;

        // the gateway sends a comment every 15 seconds

        const heard = () => {
            clearTimeout(silence);
            silence = setTimeout(() => abort.abort(), 40000);
        };

        try {
            heard();

            const response = await fetch(new URL('events', status), {
                headers: headers(last ? { 'Last-Event-ID': last } : {}),
                cache: 'no-store',
                signal: abort.signal,
            });

            if (!response.ok) {
                const body = await response.json().catch(() => null);
                throw new Refused(response.status, body);
            }

            on.open(last !== null);
            failures = 0;

            const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();

            for (let rest = '';;) {
                const { value, done } = await reader.read();

                if (done) break;
                heard();

                const events = (rest + value).split('\n\n');
                rest = events.pop();

                for (const event of events) last = take(event, on) ?? last;
            }

            on.closed(null);

        } catch (error) {
            on.closed(error);
            if (error instanceof Refused && (error.code === 401 || error.code === 403)) return;

        } finally {
            clearTimeout(silence);
            abort.abort();
        }

        await new Promise(done => setTimeout(done, Math.min(10000, 500 * 2 ** Math.min(failures, 5)) * (0.5 + Math.random() / 2)));
    }
}

function take(event, on) {
    let id = null, name = 'message', data = '';

    for (const line of event.split('\n')) {
        const colon = line.indexOf(':');
        if (colon <= 0) continue;

        const value = line.slice(colon + 1).replace(/^ /, '');

        switch (line.slice(0, colon)) {
        case 'id': id = value; break;
        case 'event': name = value; break;
        case 'data': data += value; break;
        }
    }

    if (name === 'reset') on.reset();
    else if (data) on.event(name, JSON.parse(data));

    return id;
}
