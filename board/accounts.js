// What is known of the accounts, in the order in which they are listed: who
// waits for a person first, the longest wait on top.

import { groupOf, groupOrder, states } from './words.js';

export class Accounts {
    #records = new Map();
    #generation = 0;

    group = null;
    search = '';
    total = 0;
    counts = {};

    begin() {
        this.#generation++;
    }

    put(record) {
        const old = this.#records.get(record.account_id);

        if (old && old.record.updated_at > record.updated_at) {
            old.generation = this.#generation;
            return;
        }

        // it was forgotten, or its override has ended

        if (record.state === 'none' && !record.override) {
            this.#records.delete(record.account_id);
            return;
        }

        const group = groupOf(record);

        this.#records.set(record.account_id, {
            record,
            group,
            generation: this.#generation,
            rank: groupOrder.indexOf(group),
            time: Date.parse(group === 'person' || group === 'busy' ? record.since : record.updated_at) || Date.now(),
            text: `${record.account_id} ${record.caller || ''} ${record.state} ${states[record.state] || ''} ${record.auth_type || ''}`.toLowerCase(),
        });
    }

    // all pages have been read: what was not among them is no longer known

    end() {
        for (const [id, entry] of this.#records) {
            if (entry.generation !== this.#generation) this.#records.delete(id);
        }
    }

    get(id) {
        return this.#records.get(id)?.record ?? null;
    }

    *all() {
        for (const entry of this.#records.values()) yield entry.record;
    }

    // the records to list, counted by group

    list() {
        const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
        const counts = Object.fromEntries(groupOrder.map(name => [name, 0]));
        const found = [];

        for (const entry of this.#records.values()) {
            counts[entry.group]++;

            if ((this.group === null || entry.group === this.group)
                && words.every(word => entry.text.includes(word)))
            {
                found.push(entry);
            }
        }

        this.counts = counts;
        this.total = this.#records.size;

        // a wait: the longest first; an end: the newest first

        found.sort((a, b) => a.rank - b.rank
            || (a.group === 'person' || a.group === 'busy' ? a.time - b.time : b.time - a.time)
            || (a.record.account_id < b.record.account_id ? -1 : 1));

        return found.map(entry => entry.record);
    }
}
