// One account: what it needs, what has happened, what can be done.

import { api } from './api.js';
import { byId, h, svg } from './dom.js';
import { clock, duration, groupOf, healed, isWaiting, next, seconds, sources, states } from './words.js';

const fields = {
    email_password: [['email', 'E-mail', 'email'], ['password', 'Password', 'password']],
    raw_data: [['auth_id', 'auth_id', 'text'], ['cookies', 'Cookies', 'password'], ['xbc', 'x-bc', 'password'], ['user_agent', 'User-Agent', 'text']],
    mobile_app: [],
};

const lengths = { '10m': '10 minutes', '1h': '1 hour', '8h': '8 hours', '24h': '24 hours' };

export class Account {
    #element = byId('account');
    #id = null;
    #facts;
    #timeline;
    #message;
    #drawn = null;
    #events = [];
    #now;
    #back;

    constructor(now, closed) {
        this.#now = now;
        this.#element.addEventListener('keydown', event => {
            if (event.key === 'Escape') this.close();
        });
        this.#back = closed;
        setInterval(() => this.#age(), 1000);
    }

    get id() {
        return this.#id;
    }

    open(record) {
        this.#id = record.account_id;
        this.#drawn = null;
        this.#events = [];
        this.#facts = h('div');
        this.#timeline = h('section', { 'aria-label': 'Timeline' });
        this.#message = h('p', { role: 'status', class: 'message' });

        this.#element.setAttribute('aria-label', `Account ${record.account_id}`);
        this.#element.replaceChildren(
            h('div', { class: 'title' },
                h('h2', null, record.account_id),
                h('button', { type: 'button', class: 'close', 'aria-label': 'Close', onclick: () => this.close() }, '×')),
            this.#message,
            this.#facts,
            this.#timeline,
            this.#actions());
        this.#element.hidden = false;
        document.body.classList.add('with-account');

        this.show(record);
        this.#element.focus();
    }

    close() {
        if (this.#id === null) return;

        const id = this.#id;

        this.#id = null;
        this.#element.hidden = true;
        this.#element.replaceChildren();
        document.body.classList.remove('with-account');
        this.#back(id);
    }

    // the record has changed

    show(record) {
        if (record.account_id !== this.#id) return;

        const again = this.#drawn === null || this.#drawn.updated_at !== record.updated_at
            || JSON.stringify(this.#drawn.override) !== JSON.stringify(record.override);
        const asks = this.#asks(this.#drawn) !== this.#asks(record);

        this.#drawn = record;
        this.#drawFacts(record, asks);
        if (again) this.#readTimeline();
    }

    // a form is drawn again only if something else is required, so that nothing that was entered is lost

    #asks(record) {
        return record && `${record.attempt_id} ${record.action_required}`;
    }

    #drawFacts(record, asks) {
        const group = groupOf(record);
        const card = h('div', { class: 'now', 'data-group': group, 'data-gate': record.gate },
            h('p', { class: 'state' }, states[record.state] || record.state, ' ',
                h('span', { class: 'gate' }, record.gate === 'closed' ? 'gate closed' : 'gate open'), ' ', h('span', { class: 'age' })),
            h('p', null, next(record)));

        const list = [
            ['Attempt', record.attempt_id],
            ['Type', record.auth_type || (record.attempt_id ? 'begun elsewhere' : null)],
            ['Begun by', record.caller],
            ['Begun', record.since && clock(record.since)],
            ['Last change', record.updated_at && `${clock(record.updated_at)}, ${sources[record.source] || record.source}`],
            ['Ended', record.completed_at && clock(record.completed_at)],
            ['Error', record.error_code && `${record.error_code}${record.error_message ? `: ${record.error_message}` : ''}`],
            ['Last poll', record.last_poll && `${clock(record.last_poll.at)}: ${record.last_poll.error || 'succeeded'}`],
            ['Automatic logins', record.heal && healed(record.heal)],
        ].filter(([, value]) => value);

        const form = asks ? this.#codeForm(record) : this.#facts.querySelector('form.code');

        this.#facts.replaceChildren(card, ...(form ? [form] : []),
            h('dl', null, list.map(([name, value]) => [h('dt', null, name), h('dd', null, value)])));
        this.#age();
    }

    #age() {
        const record = this.#drawn;
        const age = this.#facts?.querySelector('.age');

        if (this.#id !== null && age) {
            age.textContent = isWaiting(record) ? `for ${duration(seconds(record.since, this.#now()))}` : '';
        }
    }

    #codeForm(record) {
        if (!record.attempt_id || !['otp', 'app_otp'].includes(record.action_required)) return null;

        const input = h('input', { name: 'code', inputmode: 'numeric', autocomplete: 'one-time-code', required: true, maxlength: 32 });

        const submit = h('button', { class: 'main' }, 'Submit the code');

        return h('form', { class: 'code', onsubmit: async event => {
            event.preventDefault();
            submit.disabled = true;
            await this.#do('The code was received. The login goes on.', async () => {
                await api.code(record.attempt_id, input.value);
                input.value = '';
            });
            submit.disabled = false;
        } }, h('label', null, 'Code ', input), submit);
    }

    async #readTimeline() {
        const id = this.#id;

        try {
            const { events, complete } = await api.timeline(id);
            if (id === this.#id) this.#drawTimeline(events, complete);
        } catch (error) {
            if (id === this.#id) this.#timeline.replaceChildren(h('h3', null, 'Timeline'), h('p', null, error.message));
        }
    }

    #drawTimeline(events, complete) {
        const now = this.#now();
        const picture = [];

        // a segment for each state; its width grows with the logarithm of its
        // duration, so that a short one can be seen beside a long one

        const parts = events.map((event, i) => {
            const end = events[i + 1]?.at ?? (event.gate === 'closed' ? now : event.at);
            const s = seconds(event.at, end);
            return { event, s, width: 12 + 22 * Math.log2(1 + s) };
        });
        const total = parts.reduce((sum, part) => sum + part.width, 0);
        let x = 0;

        for (const { event, s, width } of parts) {
            const group = groupOf(event);

            picture.push(svg('rect', { x: x / total * 600, y: 4, width: Math.max(2, width / total * 600 - 2), height: 24, rx: 3, 'data-group': event.state === 'failed' ? 'credentials' : group },
                svg('title', null, `${states[event.state] || event.state}${s ? `, ${duration(s)}` : ''}`)));
            x += width;
        }

        this.#timeline.replaceChildren(h('h3', null, 'Timeline'),
            events.length ? svg('svg', { viewBox: '0 0 600 32', role: 'img', preserveAspectRatio: 'none', class: 'picture',
                'aria-label': parts.map(({ event, s }) => `${states[event.state] || event.state}${s ? ` for ${duration(s)}` : ''}`).join(', ') }, picture)
                : h('p', null, 'No changes are known.'),
            h('ol', { reversed: true }, [...parts].reverse().map(({ event, s }) => h('li', { 'data-group': groupOf(event) },
                h('time', { datetime: event.at }, clock(event.at)), ' ',
                h('b', null, states[event.state] || event.state),
                s ? ` ${duration(s)}` : '',
                h('span', { class: 'hint' }, [sources[event.source] || event.source, event.caller, event.progress?.replaceAll('_', ' '),
                    event.error_code].filter(Boolean).join(', '))))),
            complete === false && events.length ? h('p', { class: 'hint' }, 'Earlier changes may be missing.') : '');
    }

    #actions() {
        const button = (text, act, kind) => h('button', { type: 'button', class: kind, onclick: act }, text);

        return h('section', { 'aria-label': 'Actions', class: 'actions' },
            h('h3', null, 'Actions'),
            h('div', null,
                button('Poll now', () => this.#do('The account is polled next.', () => api.poll(this.#id))),
                button('New credentials', () => this.#credentials()),
                button('Open the gate', () => this.#override('open')),
                button('Close the gate', () => this.#override('closed')),
                button('End the override', () => this.#do('The override has ended.', () => api.endOverride(this.#id))),
                button('Forget the account', () => this.#forget())),
            h('p', { class: 'hint' }, 'Actions require the operate scope; credentials require update, codes attempt.'));
    }

    async #do(done, act) {
        const id = this.#id;

        this.#say('');

        try {
            await act();
            if (id === this.#id) this.#say(done);
            return true;
        } catch (error) {
            if (id === this.#id) this.#say(this.#errors(error), true);
            return false;
        }
    }

    #errors(error) {
        const all = error.body?.errors;

        return all ? Object.entries(all).map(([name, texts]) => `${name}: ${texts.join(', ')}`).join('; ') : error.message;
    }

    #say(text, failed) {
        this.#message.textContent = text;
        this.#message.classList.toggle('failed', Boolean(failed));
    }

    // asks before an action; "act" gets the form's values and returns whether
    // the dialog can be closed

    #ask(title, text, inputs, label, done, act) {
        const dialog = byId('confirm');
        const message = h('p', { role: 'alert', class: 'message failed' });
        const submit = h('button', { class: 'main' }, label);
        const id = this.#id;

        // the dialog may have been closed, or another one opened, meanwhile

        const form = h('form', { onsubmit: async event => {
            event.preventDefault();
            submit.disabled = true;
            message.textContent = '';

            try {
                await act(Object.fromEntries(new FormData(form)));
                if (id === this.#id) this.#say(done);
                if (form.isConnected) dialog.close();
            } catch (error) {
                if (form.isConnected) message.textContent = this.#errors(error);
                else this.#say(`${id}: ${this.#errors(error)}`, true);
            } finally {
                submit.disabled = false;
            }
        } },
            h('h2', { id: 'confirm-title' }, title),
            text ? h('p', null, text) : null,
            inputs,
            message,
            h('menu', null,
                h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
                submit));

        // nothing that was entered remains in the page

        dialog.onclose = () => dialog.replaceChildren();
        dialog.replaceChildren(form);
        dialog.showModal();
    }

    #override(gate) {
        const id = this.#id;
        const open = gate === 'open';

        this.#ask(`${open ? 'Open' : 'Close'} the gate of ${id}`,
            open ? 'Calls for the account pass, although it may not be logged in.'
                 : 'Calls for the account receive 503, although it may be logged in.',
            [
                h('label', null, 'For ', h('select', { name: 'time' }, Object.entries(lengths).map(([value, text]) => h('option', { value }, text)))),
                h('label', null, 'Reason ', h('input', { name: 'reason', required: true, maxlength: 120, autocomplete: 'off' })),
            ],
            open ? 'Open the gate' : 'Close the gate',
            `The gate was ${open ? 'opened' : 'closed'}.`,
            ({ time, reason }) => api.override(id, gate, time, reason));
    }

    #forget() {
        const id = this.#id;

        this.#ask(`Forget ${id}`,
            'Its gate opens, and its override and its timeline are removed, on all gateways. A login that is in progress continues.',
            h('label', null, 'Reason ', h('input', { name: 'reason', required: true, maxlength: 120, autocomplete: 'off' })),
            'Forget the account', 'The account was forgotten.',
            async ({ reason }) => {
                const record = await api.forget(id, reason);
                this.show(record);
            });
    }

    #credentials() {
        const id = this.#id;
        const area = h('div');
        const select = h('select', { name: 'auth_type', onchange: () => draw() },
            Object.keys(fields).map(type => h('option', { value: type, selected: type === this.#drawn.auth_type }, type)));

        const draw = () => area.replaceChildren(...fields[select.value].map(([name, text, type]) =>
            h('label', null, `${text} `, h('input', { name, type, required: true, autocomplete: 'off' }))));

        draw();

        this.#ask(`New credentials for ${id}`, 'The update starts a new login. The gate closes until it ends.',
            [h('label', null, 'Type ', select), area], 'Send', 'The update was sent.',
            async values => {
                const body = await api.update(id, values);
                if (body?.mobile_auth_session_deeplink) {
                    this.#say(`The creator must open this link on the phone: ${body.mobile_auth_session_deeplink}`);
                    throw new Error(`The creator must open this link on the phone: ${body.mobile_auth_session_deeplink}`);
                }
            });
    }
}
