'use strict';

// auth_request's service: 204 or 403, as Redis says.

const http = require('http');
const Redis = require('ioredis');

const [port, redisPort] = process.argv.slice(2);
const redis = new Redis({ port: Number(redisPort), host: '127.0.0.1' });

redis.on('error', () => {});

http.createServer(async (req, res) => {
    try {
        const state = await redis.get('gate:' + req.url.slice('/gate/'.length));
        res.writeHead(state === 'closed' ? 403 : 204);
    } catch {
        res.writeHead(204);
    }

    res.end();
}).listen(Number(port), '127.0.0.1', 1024);
