// The board in Chromium: board.mjs GATEWAY DIRECTORY.  Prints "ok - ..." and
// "not ok - ...", writes screenshots into the directory, and "done" at its end.
// t/board.t starts the gateway and plants the accounts.

import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const { chromium } = createRequire(`${process.env.NODE_PATH}/`)('playwright-core');

const [gateway, shots] = process.argv.slice(2);
const limit = 60000;

mkdirSync(shots, { recursive: true });

const ok = (truth, name) => console.log(`${truth ? '' : 'not '}ok - ${name}`);

async function check(name, act) {
    try {
        ok((await act()) !== false, name);
    } catch (error) {
        ok(false, name);
        console.log(String(error.message).split('\n').slice(0, 8).join('\n'));
    }
}

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});

const problems = [];

async function board({ token, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();

    page.setDefaultTimeout(limit);
    page.on('pageerror', error => problems.push(error.message));
    page.on('console', message => {
        if (message.type() === 'error' && !/status of 40[139]|status of 422/.test(message.text())) problems.push(message.text());
    });

    await page.goto(`${gateway}/reauth/board`);

    if (token) {
        await page.getByLabel('Token').fill(token);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.locator('#live[data-kind=good]').waitFor();
        await page.locator('#groups [data-group=person] b', { hasText: /\d/ }).waitFor();
    }

    return page;
}

const row = (page, id) => page.locator(`#list [data-id=${id}]:not([hidden])`);
const count = (page, group) => page.locator(`#groups [data-group=${group}] b`);

// ---- signing in ----

const night = 'token-of-the-night-shift-000001';
const page = await board();

await check('without a token it asks for one', () => page.getByRole('heading', { name: 'Sign in' }).waitFor());
await check('a wrong token is refused, and it says why', async () => {
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#sign-in-message', { hasText: /token/ }).waitFor();
});
await check('with a token it is live', async () => {
    await page.getByLabel('Token').fill(night);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#live[data-kind=good]').waitFor();
});
await check('the token is in no URL', () => !page.url().includes(night));

// ---- the list ----

await check('all accounts are counted', () => page.waitForFunction(
    all => [...document.querySelectorAll('#groups b')].reduce((sum, b) => sum + Number(b.textContent.replace(/\D/g, '')), 0) === all,
    Number(process.env.ACCOUNTS)));
await check('ten wait for a person', () => count(page, 'person').filter({ hasText: /^10$/ }).waitFor());
await check('those who wait for a person are on top, the longest wait first', async () => {
    const ids = await page.locator('#list [role=option]:not([hidden])').evaluateAll(rows => rows
        .sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).slice(0, 10).map(r => r.dataset.id));
    return ids[0] === 'acct_code_1' && ids.every(id => /^acct_(code|face|person)_/.test(id));
});
await check('few rows exist at a time', async () => (await page.locator('#list [role=option]').count()) < 80);
await page.screenshot({ path: `${shots}/board.png` });

await check('a filter by group', async () => {
    await page.locator('#groups [data-group=busy]').click();
    await row(page, 'acct_slow_1').waitFor();
    await row(page, 'acct_code_1').waitFor({ state: 'detached' });
    await page.locator('#groups [data-group=busy]').click();
});
await check('a search', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type('acct_00077');
    await row(page, 'acct_00077').waitFor();
    await row(page, 'acct_code_1').waitFor({ state: 'detached' });
    await page.getByLabel('Search accounts').fill('');
    await row(page, 'acct_code_1').waitFor();
});

// ---- scrolling through all of it ----

await check('scrolling through all accounts', async () => {
    const frames = await page.evaluate(() => new Promise(done => {
        const list = document.getElementById('list');
        const step = list.scrollHeight / 120;
        const times = [];
        let last = performance.now();

        const frame = now => {
            times.push(now - last);
            last = now;
            list.scrollTop += step;
            if (times.length < 120) requestAnimationFrame(frame);
            else done(times);
        };

        requestAnimationFrame(frame);
    }));

    frames.sort((a, b) => a - b);
    console.log(`frames of a scroll through ${process.env.ACCOUNTS} accounts: median ${frames[60].toFixed(1)} ms, 99 of 100 within ${frames[118].toFixed(1)} ms`);

    const last = await page.locator('#list [role=option]:not([hidden])').evaluateAll(rows => Math.max(...rows.map(r => Number(r.ariaPosInSet))));
    return last === Number(process.env.ACCOUNTS);
});

// ---- the keyboard ----

await check('the keyboard selects and opens', async () => {
    await page.locator('#list').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'acct_code_1' }).waitFor();
});

// ---- an account ----

await check('the timeline is drawn', async () => {
    await page.locator('#account svg.picture rect').first().waitFor();
    await page.locator('#account ol li', { hasText: 'Code required' }).first().waitFor();
});
await page.screenshot({ path: `${shots}/account.png` });

await check('a wrong code: the account still waits', async () => {
    await page.getByLabel('Code', { exact: true }).fill('000000');
    await page.getByRole('button', { name: 'Submit the code' }).click();
    await page.locator('#account .message', { hasText: /code/i }).waitFor();
});
await check('the code: its gate opens, and the list says so', async () => {
    await page.getByLabel('Code', { exact: true }).waitFor();
    await page.getByLabel('Code', { exact: true }).fill('123456');
    await page.getByRole('button', { name: 'Submit the code' }).click();
    await page.locator('#account .now[data-gate=open]').waitFor();
    await count(page, 'person').filter({ hasText: /^9$/ }).waitFor();
});
await check('new credentials: the login begins', async () => {
    await page.getByRole('button', { name: 'New credentials' }).click();
    await page.getByLabel('E-mail').fill('slow@example.com');
    await page.getByLabel('Password', { exact: true }).fill('correct horse');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.locator('#account .now[data-gate=closed]').waitFor();
    await page.locator('#confirm').waitFor({ state: 'hidden' });
});
await check('nothing that was entered stays in the page', async () =>
    !(await page.content()).includes('correct horse')
    && await page.evaluate(() => [...document.querySelectorAll('input')].every(i => !i.value.includes('horse'))));
await check('Escape closes the account', async () => {
    await page.keyboard.press('Escape');
    await page.locator('#account').waitFor({ state: 'hidden' });
});

// ---- a session has expired: the gateway logs in by itself ----

await check('when the gateway logs in again, in the list and in the account', async () => {
    await page.getByLabel('Search accounts').fill('acct_00002');
    await row(page, 'acct_00002').filter({ hasText: /The gateway logs in again at \d/ }).click();
    await page.locator('#account .now', { hasText: /The gateway logs in again at \d/ }).waitFor();
    await page.locator('#account dl', { hasText: /Automatic logins0 in 24 hours, the next one at \d/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByLabel('Search accounts').fill('');
});

// ---- the gateway ----

await check('the state of the gateway', async () => {
    await page.locator('#health[data-status=ready]').waitFor();
    await page.locator('#health').click();
    await page.locator('#fleet dd', { hasText: /up, \d+ ms/ }).waitFor();
});
await check('what the callers have used', async () => {
    await page.getByRole('table', { name: /Used of the upstream/ }).waitFor();
    await page.getByRole('row', { name: /crm 1 1 1 of 5\/h, counted until/ }).waitFor();
});
await check('durations by type', async () => {
    await page.getByRole('button', { name: 'Durations' }).click();
    await page.locator('#durations figure svg').first().waitFor();
});
await page.screenshot({ path: `${shots}/durations.png` });
await page.locator('#health').click();
await page.getByRole('button', { name: 'Durations' }).click();

// ---- a reload of nginx ----

await check('it is live again after a reload', async () => {
    process.kill(Number(process.env.RELOAD_PID), 'SIGHUP');
    await page.locator('#live[data-kind=bad]').waitFor();
    await page.locator('#live[data-kind=good]').waitFor();
});

// ---- acting ----

await page.getByLabel('Search accounts').fill('acct_slow_2');
await row(page, 'acct_slow_2').click();

await check('the gate is opened by hand', async () => {
    await page.getByRole('button', { name: 'Open the gate' }).click();
    await page.getByLabel('Reason').fill('the upstream confirmed the login');
    await page.locator('#confirm').getByRole('button', { name: 'Open the gate' }).click();
    await page.locator('#account .now', { hasText: 'the upstream confirmed the login' }).waitFor();
});
await page.screenshot({ path: `${shots}/override.png` });
await check('and the override ends', async () => {
    await page.getByRole('button', { name: 'End the override' }).click();
    await page.locator('#account .now', { hasNotText: 'the upstream confirmed' }).waitFor();
});
await check('an account is polled now', async () => {
    await page.getByRole('button', { name: 'Poll now' }).click();
    await page.locator('#account .message', { hasText: 'polled next' }).waitFor();
});

await check('forgetting an account is confirmed, with a reason', async () => {
    await page.getByRole('button', { name: 'Forget the account' }).click();
    await page.locator('#confirm').getByText('on all gateways').waitFor();
    await page.locator('#confirm').getByRole('button', { name: 'Forget the account' }).click();
    const empty = await page.getByLabel('Reason').evaluate(input => input.matches(':invalid'));
    await page.locator('#confirm').getByRole('button', { name: 'Cancel' }).click();
    await page.locator('#account .now[data-gate=closed]').waitFor();
    return empty;
});
await check('a forgotten account is not listed, and its gate is open', async () => {
    await page.getByRole('button', { name: 'Forget the account' }).click();
    await page.getByLabel('Reason').fill('left the agency');
    await page.locator('#confirm').getByRole('button', { name: 'Forget the account' }).click();
    await page.locator('#account .message', { hasText: 'was forgotten' }).waitFor();
    await page.locator('#account .now[data-gate=open]').waitFor();
    await page.locator('#account', { hasText: 'No changes are known' }).waitFor();
    await row(page, 'acct_slow_2').waitFor({ state: 'detached' });
    const audit = await page.evaluate(async token => (await (await fetch('../audit?account=acct_slow_2',
        { headers: { Authorization: `Bearer ${token}` } })).json()).events[0], night);
    return audit.action === 'forget' && audit.reason === 'left the agency' && audit.caller === 'night';
});

// ---- who may only read ----

const reader = await board({ token: 'token-of-a-dashboard-0000000002' });

await check('who may not act is told so', async () => {
    await reader.locator('#list [role=option]').first().click();
    await reader.getByRole('button', { name: 'Poll now' }).click();
    await reader.locator('#account .message.failed', { hasText: /scope|operate/ }).waitFor();
});
await check('who may not read what callers have used sees the rest', async () => {
    await reader.locator('#health').click();
    await reader.locator('#fleet dd', { hasText: /up, \d+ ms/ }).waitFor();
    return await reader.locator('#fleet table').count() === 0;
});

// ---- dark, and on a phone ----

const dark = await board({ token: night, colorScheme: 'dark' });
await dark.screenshot({ path: `${shots}/dark.png` });

const phone = await board({ token: night, viewport: { width: 390, height: 844 } });
await check('a phone: nothing is wider than the screen', () =>
    phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
await phone.screenshot({ path: `${shots}/phone.png` });
await phone.locator('#health').click();
await phone.locator('#fleet table').waitFor();
await check('a phone: the figures of the gateway are not wider than the screen', () =>
    phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
await phone.screenshot({ path: `${shots}/phone-gateway.png` });
await phone.locator('#health').click();
await phone.locator('#list [role=option]').first().click();
await phone.locator('#account .now').waitFor();
await phone.screenshot({ path: `${shots}/phone-account.png` });

await check('names for screen readers', async () => {
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, select')]
        .filter(e => e.checkVisibility() && !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map(e => e.outerHTML));
    if (unnamed.length) console.log(unnamed.join('\n'));
    return unnamed.length === 0;
});
await check('no script error, nothing that the content security policy refuses', () => {
    if (problems.length) console.log(problems.join('\n'));
    return problems.length === 0;
});

await browser.close();
console.log('done');
