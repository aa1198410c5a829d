'use strict';

// An update as a small Express service does it: checked, kept in Redis, sent
// on with the key, its answer passed on.

const http = require('http');
const express = require('express');
const Redis = require('ioredis');

const [port, redisPort, upstreamPort, key] = process.argv.slice(2);
const redis = new Redis({ port: Number(redisPort), host: '127.0.0.1' });
const agent = new http.Agent({ keepAlive: true, maxSockets: 128 });
const app = express();

redis.on('error', () => {});

app.use(express.json({ limit: '64kb' }));

function check(body) {
    const errors = {};

    if (typeof body?.email !== 'string'
        || !/^[^@\s]+@[^@\s]+$/.test(body.email)) {
        errors.email = ['must be an e-mail address'];
    }

    if (typeof body?.password !== 'string' || body.password.length > 1024
        || body.password.trim() === '') {
        errors.password = ['must be given'];
    }

    return errors;
}

app.put('/api/authenticate/:account/credentials', async (req, res) => {
    const errors = check(req.body);

    if (Object.keys(errors).length) {
        res.status(422).json({ error: 'VALIDATION_ERROR', errors });
        return;
    }

    await redis.hset('update:' + req.params.account, 'state', 'running');

    const body = JSON.stringify({
        auth_type: req.body.auth_type ?? 'email_password',
        email: req.body.email,
        password: req.body.password,
    });

    http.request({
        host: '127.0.0.1',
        port: Number(upstreamPort),
        method: 'PUT',
        path: req.path,
        agent,
        headers: {
            'Authorization': 'Bearer ' + key,
            'Content-Type': 'application/json',
            'Content-Length': Buffer.byteLength(body),
        },
    }, (answer) => {
        res.status(answer.statusCode).type('json');
        answer.pipe(res);
    }).on('error', () => {
        res.status(502).json({ error: 'UPSTREAM' });
    }).end(body);
});

app.listen(Number(port), '127.0.0.1', 1024);
