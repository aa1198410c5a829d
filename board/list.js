// A list of any length: only the rows in view exist.

import { h } from './dom.js';
import { clock, duration, groupOf, isWaiting, next, seconds, states } from './words.js';

export class List {
    #element;
    #space;
    #rows = [];
    #height = 44;
    #view = 0;
    #records = [];
    #selected = null;
    #frame = 0;
    #now;

    constructor(element, now, choose) {
        this.#element = element;
        this.#now = now;
        this.#space = h('div', { class: 'space', role: 'presentation' });
        element.append(this.#space);

        element.addEventListener('scroll', () => this.#later(), { passive: true });
        element.addEventListener('keydown', event => this.#key(event, choose));
        element.addEventListener('click', event => {
            const row = event.target.closest('[role=option]');
            if (!row) return;
            this.select(row.dataset.id);
            choose(row.dataset.id);
        });

        new ResizeObserver(() => this.#resize()).observe(element);
        setInterval(() => this.#tick(), 1000);
    }

    show(records) {
        this.#records = records;
        this.#space.style.height = `${records.length * this.#height}px`;
        this.#later();
    }

    select(id) {
        this.#selected = id;
        this.#later();
    }

    #later() {
        if (!this.#frame) this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#draw(); });
    }

    #resize() {
        this.#height = parseFloat(getComputedStyle(this.#element).getPropertyValue('--row')) || 44;
        this.#view = this.#element.clientHeight;
        this.#space.style.height = `${this.#records.length * this.#height}px`;
        this.#later();
    }

    // record i is in row i modulo the number of rows, so that scrolling changes
    // as few of them as possible

    #draw() {
        const count = Math.ceil(this.#view / this.#height) + 10;
        const first = Math.max(0, Math.floor(this.#element.scrollTop / this.#height) - 5);
        const last = Math.min(this.#records.length, first + count);

        while (this.#rows.length < count) this.#add();

        const unused = new Set(this.#rows);
        let active = null;

        for (let i = first; i < last; i++) {
            const row = this.#rows[i % this.#rows.length];

            unused.delete(row);
            this.#fill(row, this.#records[i], i);
            if (row.record.account_id === this.#selected) active = row.element.id;
        }

        for (const row of unused) {
            row.element.hidden = true;
            row.record = null;
        }

        if (active) this.#element.setAttribute('aria-activedescendant', active);
        else this.#element.removeAttribute('aria-activedescendant');
    }

    #add() {
        const cells = ['id', 'state', 'time', 'next', 'caller'].map(name => h('span', { class: name }));
        const element = h('div', { role: 'option', id: `row-${this.#rows.length}`, hidden: true }, cells);

        this.#rows.push({ element, cells, record: null, at: -1, of: -1, selected: null });
        this.#space.append(element);
    }

    #fill(row, record, i) {
        const { element, cells } = row;
        const selected = record.account_id === this.#selected;

        if (row.record !== record) {
            const [id, state, , words, caller] = cells;

            row.record = record;
            element.hidden = false;
            element.dataset.id = record.account_id;
            element.dataset.group = groupOf(record);
            id.textContent = record.account_id;
            state.textContent = states[record.state] || record.state;
            words.textContent = next(record);
            caller.textContent = record.caller || '';
            this.#age(row);
        }

        if (row.at !== i) {
            row.at = i;
            element.style.transform = `translateY(${i * this.#height}px)`;
            element.setAttribute('aria-posinset', i + 1);
        }

        if (row.of !== this.#records.length) {
            row.of = this.#records.length;
            element.setAttribute('aria-setsize', row.of);
        }

        if (row.selected !== selected) {
            row.selected = selected;
            element.setAttribute('aria-selected', selected);
        }
    }

    #age({ record, cells }) {
        cells[2].textContent = isWaiting(record) ? duration(seconds(record.since, this.#now()))
            : record.updated_at ? clock(record.updated_at) : '';
    }

    #tick() {
        for (const row of this.#rows) {
            if (row.record && isWaiting(row.record)) this.#age(row);
        }
    }

    #key(event, choose) {
        const at = this.#records.findIndex(record => record.account_id === this.#selected);
        const page = Math.max(1, Math.floor(this.#view / this.#height) - 1);
        const end = this.#records.length - 1;
        let to;

        switch (event.key) {
        case 'ArrowDown': to = at + 1; break;
        case 'ArrowUp': to = at < 0 ? 0 : at - 1; break;
        case 'PageDown': to = at + page; break;
        case 'PageUp': to = at - page; break;
        case 'Home': to = 0; break;
        case 'End': to = end; break;
        case 'Enter':
        case ' ':
            if (at >= 0) choose(this.#selected);
            event.preventDefault();
            return;
        default:
            return;
        }

        event.preventDefault();
        if (end < 0) return;

        to = Math.min(end, Math.max(0, to));
        this.#reveal(to);
        this.select(this.#records[to].account_id);
    }

    #reveal(i) {
        const height = this.#height;
        const { scrollTop } = this.#element;

        if (i * height < scrollTop) this.#element.scrollTop = i * height;
        else if ((i + 1) * height > scrollTop + this.#view) this.#element.scrollTop = (i + 1) * height - this.#view;
    }
}
