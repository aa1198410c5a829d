'use strict';

// auth_request's service: 204 or 403, as Redis says.

const http = require('http');
const Redis = require('ioredis');

const [port, redisPort] = process.argv.slice(2);
const redis = new Redis({ port: Number(redisPort), host: '127.0.0.1' });

// without it nginx could not keep the connection
const empty = { 'Content-Length': 0 };

redis.on('error', () => {});

http.createServer(async (req, res) => {
    try {
        const state = await redis.get(
            'gate:' + req.headers['x-original-uri'].split('/')[2]);
        res.writeHead(state === 'closed' ? 403 : 204, empty);
    } catch {
        res.writeHead(204, empty);
    }

    res.end();
}).listen(Number(port), '127.0.0.1', 1024);
