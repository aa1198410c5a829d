// Words for states, actions and sources: what they mean to a person.

export const groups = {
    person: { label: 'Wait for a person', hint: 'someone must act' },
    credentials: { label: 'Need credentials', hint: 'the login failed' },
    busy: { label: 'Logging in', hint: 'no action is required' },
    open: { label: 'Open', hint: 'calls pass' },
};

export const groupOrder = ['person', 'credentials', 'busy', 'open'];

export const states = {
    starting: 'Starting',
    running: 'Logging in',
    needs_otp: 'Code required',
    needs_face: 'Selfie required',
    needs_app: 'App required',
    needs_person: 'Person required',
    unknown: 'Outcome unknown',
    none: 'No login seen',
    succeeded: 'Logged in',
    failed: 'Login failed',
    rejected: 'Update rejected',
    expired: 'No end observed',
};

const actions = {
    otp: 'Enter the code that the creator received by text message or e-mail.',
    app_otp: 'Enter the code that the authenticator app of the creator shows.',
    face: 'The creator must do the selfie check.',
    app: 'The creator must open the link on the phone.',
    person: "See the account in the upstream's console.",
    credentials: 'Send new credentials.',
};

export const sources = {
    update: 'update of credentials',
    start: 'start',
    reauthenticate: 'reauthentication',
    poll: 'poll of a client',
    submit_2fa: 'code submitted',
    webhook: 'webhook',
    poller: 'poll of the gateway',
    call: 'ordinary call',
    timer: 'time limit',
    sweep: 'list of accounts',
    heal: 'automatic login',
    operator: 'operator',
};

export const pollErrors = {
    KEY_REFUSED: 'the upstream refuses the API key of the gateway',
    LIMITED: 'the upstream limits the requests of the gateway',
    UNREADABLE: 'the response of the upstream is unreadable',
    TOO_LARGE: 'the response of the upstream is too large',
    TIMEOUT: 'the upstream does not respond in time',
    NO_RESPONSE: 'the upstream does not respond',
    NO_KEY: 'the gateway has no usable API key',
    NOT_SENT: 'the gateway could not send the request',
    NOT_FOUND: 'the upstream does not know the attempt',
    NOT_LISTED: 'the upstream does not list the account',
};

export function groupOf(record) {
    const action = record.action_required;

    if (action) return action === 'credentials' ? 'credentials' : 'person';

    return record.gate === 'closed' ? 'busy' : 'open';
}

// closed by its attempt, which began at "since"; an override has an end instead

export const isWaiting = record => record.gate === 'closed' && !record.override && record.since !== null;

// what happens next, or what must be done

export function next(record) {
    const override = record.override;

    if (override) {
        return [
            `${override.gate === 'open' ? 'Opened' : 'Closed'} by ${override.caller || 'an operator'} until ${clock(override.until)}${override.reason ? `: ${override.reason}` : ''}.`,
            actions[record.action_required] || '',
        ].join(' ').trim();
    }

    const error = record.last_poll && record.last_poll.error;

    if (error && record.gate === 'closed') {
        return `No progress: ${pollErrors[error] || `the upstream responds with ${error.replace('HTTP_', '')}`}.`;
    }

    if (record.heal?.next_at) {
        return `The gateway logs in again at ${clock(record.heal.next_at)}.`;
    }

    if (record.action_required) {
        return actions[record.action_required] || `Required: ${record.action_required}.`;
    }

    switch (record.state) {
    case 'starting': return 'The update is being sent.';
    case 'running': return record.progress ? `The upstream reports: ${record.progress.replaceAll('_', ' ')}.`
                                           : 'The gate opens when the login ends.';
    case 'unknown': return 'The gateway asks the upstream whether it received the update.';
    case 'expired': return 'Calls pass. Check whether the account is logged in.';
    case 'rejected': return record.error_message || 'The account is as it was before.';
    case 'failed': return record.error_message || 'The login has failed.';
    default: return record.gate === 'closed' ? 'The gate opens when the login ends.' : '';
    }
}

// the logins that the gateway has begun by itself

export function healed({ tries, next_at, last_error }) {
    return [
        `${tries} in 24 hours`,
        next_at ? `the next one at ${clock(next_at)}` : '',
        last_error ? `the last one was not started (${last_error})` : '',
    ].filter(Boolean).join(', ');
}

export function seconds(from, to) {
    return Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
}

export function duration(s) {
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });

export function clock(time) {
    const date = new Date(time);
    const today = new Date().toDateString() === date.toDateString();

    return (today ? timeOnly : dateAndTime).format(date);
}
