// The doors of an edge: limits, roles, pages, other origins, tokens that end, and what is away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { bin, Pipeline, until } from '../lib/pipeline.mjs';
import { call, conversation, must } from '../lib/rest.mjs';

function connect(url, token) {
    const socket = io(url, { auth: { token }, forceNew: true, transports: ['websocket'], reconnection: false });
    return new Promise((resolve, reject) => {
        socket.once('connect', () => resolve(socket));
        socket.once('connect_error', reject);
    });
}

describe('members and their roles', () => {
    let pipeline, url, ann, bob, eve, dan, id;
    const members = (who, method, more = '', body = undefined) => call(url, method, `/api/conversations/${id}/members${more}`, { token: who.token, body });

    before(async () => {
        pipeline = await new Pipeline().start();
        [url] = pipeline.urls;
        [ann, bob, eve, dan] = await pipeline.users(4);
        id = (await conversation(url, ann.token, [bob.id, eve.id], { title: 'Us' })).id;
    });
    after(() => pipeline?.stop());

    test('are read by pages', async () => {
        const first = await members(ann, 'GET', '?limit=2');
        const second = await members(ann, 'GET', `?limit=2&cursor=${first.body.nextCursor}`);
        assert.equal(second.body.nextCursor, null);
        assert.equal((await members(ann, 'GET', '?cursor=ab')).body.error.details.member, 'cursor');
        assert.equal((await call(url, 'GET', '/api/conversations?cursor=ab', { token: ann.token })).body.error.details.member, 'cursor');
        const all = [...first.body.members, ...second.body.members];
        assert.deepEqual(all.map((one) => one.userId).sort(), [ann.id, bob.id, eve.id].sort());
        assert.equal(all.find((one) => one.userId === ann.id).role, 'owner');
    });
    test('a plain member may not add, an unknown user cannot be added', async () => {
        assert.equal((await members(bob, 'POST', '', { userIds: [dan.id] })).status, 403);
        const unknown = await members(ann, 'POST', '', { userIds: ['bbbbbbbbbbbbbbbbbbbbbbbbba'] });
        assert.equal(unknown.status, 404);
        assert.equal(unknown.body.error.details.id, 'bbbbbbbbbbbbbbbbbbbbbbbbba');
        assert.equal((await members(dan, 'GET')).status, 404);
    });
    test('adding twice makes one event and gives the same answer', async () => {
        const first = await members(ann, 'POST', '', { userIds: [dan.id], role: 'admin' });
        const again = await members(ann, 'POST', '', { userIds: [dan.id], role: 'admin' });
        assert.equal(first.status, 200);
        assert.deepEqual(again.body, first.body);
        assert.equal(first.body.members.find((one) => one.userId === dan.id).role, 'admin');
    });
    test('only the owner gives roles, and an admin renames', async () => {
        assert.equal((await members(dan, 'PATCH', `/${bob.id}`, { role: 'admin' })).status, 403);
        assert.equal((await members(ann, 'PATCH', `/${bob.id}`, { role: 'king' })).body.error.details.member, 'role');
        assert.equal((await members(ann, 'PATCH', `/${bob.id}`, { role: 'admin' })).status, 200);
        assert.equal((await call(url, 'PATCH', `/api/conversations/${id}`, { token: eve.token, body: { title: 'Mine' } })).status, 403);
        assert.equal((await must(url, 'PATCH', `/api/conversations/${id}`, { token: bob.token, body: { title: 'Ours' } })).title, 'Ours');
    });
    test('leaving ends with one\'s own removal, and leaving again changes nothing', async () => {
        for (let i = 0; i < 2; i++) assert.equal((await members(eve, 'DELETE', `/${eve.id}`)).status, 204);
        await must(url, 'POST', '/api/messages', { token: ann.token, body: { conversationId: id, clientId: 'after', text: 'x' } });
        const { events } = await must(url, 'GET', `/api/conversations/${id}/events`, { token: eve.token });
        assert.equal(events.at(-1).kind, 'member.removed');
        assert.equal(events.at(-1).userId, eve.id);
        assert.equal((await call(url, 'GET', `/api/conversations/${id}`, { token: eve.token })).status, 404);
        assert.equal((await call(url, 'GET', '/api/conversations', { token: eve.token })).body.conversations.length, 0);
    });
    test('a message is found by its id by members alone', async () => {
        const { message } = await must(url, 'POST', '/api/messages', { token: ann.token, headers: { 'idempotency-key': 'by key' }, body: { conversationId: id, text: 'x' } });
        assert.equal(message.clientId, 'by key');
        assert.deepEqual(await must(url, 'GET', `/api/messages/${message.id}`, { token: bob.token }), message);
        assert.equal((await call(url, 'GET', `/api/messages/${message.id}`, { token: eve.token })).status, 404);
        const reply = await must(url, 'POST', '/api/messages', { token: bob.token, body: { conversationId: id, clientId: 'reply', text: 'y', replyToId: message.id } });
        assert.equal(reply.message.replyToId, message.id);
    });
    test('a conversation created again with another body is a conflict', async () => {
        const create = (title) => call(url, 'POST', '/api/conversations', { token: ann.token, body: { kind: 'group', title, memberIds: [bob.id], clientId: 'g' } });
        const first = await create('A');
        assert.equal(first.status, 201);
        const again = await create('A');
        assert.equal(again.status, 200);
        assert.equal(again.body.id, first.body.id);
        assert.equal((await create('B')).status, 409);
    });
});

describe('limits and other origins', () => {
    let pipeline, url, ann, bob, id;

    before(async () => {
        const edge = { messages_rate: 1, messages_burst: 2, auth_rate: 1, auth_burst: 2, connections: 1, join_ms: 1000, origins: 'http://a.example' };
        pipeline = await new Pipeline({ config: { edge } }).start();
        [url] = pipeline.urls;
        [ann, bob] = await pipeline.users(2);
        id = (await conversation(url, ann.token, [bob.id])).id;
    });
    after(() => pipeline?.stop());

    test('too many messages are told when to come again', async () => {
        const answers = [];
        for (let n = 0; n < 4; n++) answers.push(await call(url, 'POST', '/api/messages', { token: ann.token, body: { conversationId: id, clientId: `n${n}`, text: 'x' } }));
        const refused = answers.find((answer) => answer.status === 429);
        assert.equal(answers[0].status, 201);
        assert.equal(refused.body.error.code, 'rate_limited');
        assert.ok(refused.body.error.retryAfterMs > 0 && refused.headers.get('retry-after') === '1');
        await until('a token is there again', async () => (await call(url, 'POST', '/api/messages', { token: ann.token, body: { conversationId: id, clientId: 'later', text: 'x' } })).status === 201);
    });
    test('too many logins from one address are refused', async () => {
        const statuses = [];
        for (let n = 0; n < 6; n++) statuses.push((await call(url, 'POST', '/api/auth/login', { body: { login: 'user0', password: 'whatever' } })).status);
        assert.equal(statuses[0], 401);
        assert.ok(statuses.includes(429));
    });
    test('pages of an allowed origin may call, others may not', async () => {
        const ask = (origin) => call(url, 'OPTIONS', '/api/users/me', { headers: { origin } });
        const allowed = await ask('http://a.example');
        assert.equal(allowed.status, 204);
        assert.equal(allowed.headers.get('access-control-allow-origin'), 'http://a.example');
        assert.match(allowed.headers.get('access-control-allow-headers'), /Authorization/);
        assert.equal((await ask('http://b.example')).headers.get('access-control-allow-origin'), null);
        assert.equal((await call(url, 'GET', '/api/users/me', { token: ann.token, headers: { origin: 'http://b.example' } })).headers.get('access-control-allow-origin'), null);
    });
    test('one connection too many is a 503 at the handshake that says when to come again', async () => {
        const socket = await connect(url, ann.token);
        const refused = await call(url, 'GET', '/socket.io/?EIO=4&transport=polling');
        assert.equal(refused.status, 503);
        assert.ok(Number(refused.headers.get('retry-after')) > 0);
        socket.close();
        await until('there is room again', () => connect(url, bob.token).then((one) => one.close() && true, () => false));
    });
    test('a client that connects while persist is away is sent off without an error and comes back', async () => {
        await until('there is room', async () => (await pipeline.status()).edge.counters.sockets === 0);
        const pid = await pipeline.pid('persist');
        process.kill(pid, 'SIGSTOP');
        const socket = io(url, { auth: { token: ann.token }, forceNew: true, transports: ['websocket'], reconnectionDelay: 50 });
        const errors = [];
        let closed = 0;
        socket.on('connect_error', (error) => { if (error.data) errors.push(error.message); });
        socket.io.on('close', () => closed++);
        try {
            await until('it was sent off', () => closed > 0);
            await until('the health says so', async () => (await call(url, 'GET', '/health')).status === 503);
        } finally {
            process.kill(pid, 'SIGCONT');
        }
        await until('it is connected', () => socket.connected);
        assert.deepEqual(errors, []);
        socket.close();
    });
});

describe('a call that names many', () => {
    let pipeline, url, ann;

    before(async () => {
        pipeline = await new Pipeline({ config: { edge: { other_rate: 1, other_burst: 50 } } }).start();
        [url] = pipeline.urls;
        [ann] = await pipeline.users(1);
    });
    after(() => pipeline?.stop());

    test('counts as many', async () => {
        const socket = await connect(url, ann.token);
        const digits = 'abcdefghijklmnopqrstuvwxyz';
        const cursors = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [[i % 26, Math.floor(i / 26) % 26, Math.floor(i / 676)].map((n) => digits[n]).join('').padEnd(26, 'a'), 0]));
        assert.equal((await socket.timeout(5000).emitWithAck('sync', { cursors })).ok, true);
        const { error } = await socket.timeout(5000).emitWithAck('sync', { cursors });
        assert.equal(error.code, 'rate_limited');
        assert.ok(error.retryAfterMs > 0);
        socket.close();
    });
});

describe('a device that missed more than an answer may hold', () => {
    let pipeline, url, ann, bob, id, old;

    before(async () => {
        pipeline = await new Pipeline({ config: { edge: { queue_bytes: 65536 } } }).start();
        [url] = pipeline.urls;
        [ann, bob] = await pipeline.users(2);
        for (const [i, title] of ['old', 'new'].entries()) {
            const one = (await conversation(url, ann.token, [bob.id], { title, clientId: title })).id;
            for (let n = 0; n < 6; n++) await must(url, 'POST', '/api/messages', { token: ann.token, body: { conversationId: one, clientId: `${title}${n}`, text: '\u0001'.repeat(2000) } });
            if (i === 0) old = one; else id = one;
        }
        await must(url, 'DELETE', `/api/conversations/${old}/members/${bob.id}`, { token: bob.token });
    });
    after(() => pipeline?.stop());

    test('gets it in several, each event once, and what it joined and left with the events', async () => {
        const socket = await connect(url, bob.token);
        const cursors = { [old]: 0 }, seen = { [id]: [], [old]: [] };
        const joined = [], left = [];
        for (let calls = 1; ; calls++) {
            const answer = await socket.timeout(5000).emitWithAck('sync', { cursors });
            assert.ok(answer.ok && JSON.stringify(answer).length < 65536);
            joined.push(...answer.joined.map((one) => one.id));
            left.push(...answer.left);
            for (const one of joined) assert.ok(seen[one].length || answer.conversations[one]);
            for (const [one, page] of Object.entries(answer.conversations)) {
                seen[one].push(...page.events.map((event) => event.seq));
                cursors[one] = seen[one].at(-1);
                if (page.more) assert.ok(answer.more && !left.includes(one));
            }
            if (!answer.more) { assert.ok(calls > 3); break; }
        }
        assert.deepEqual(seen[id], [1, 2, 3, 4, 5, 6, 7]);
        assert.deepEqual(seen[old], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert.deepEqual([joined, [...new Set(left)]], [[id], [old]]);
        socket.close();
    });
});

describe('an edge that starts while persist is away', () => {
    let pipeline, url, ann;

    before(async () => {
        pipeline = await new Pipeline().start();
        [url] = pipeline.urls;
        [ann] = await pipeline.users(1);
    });
    after(() => pipeline?.stop());

    test('takes no token until it knows which were revoked', async () => {
        const ask = () => call(url, 'GET', '/api/users/me', { token: ann.token }).catch(() => undefined);
        await must(url, 'POST', '/api/auth/logout', { token: ann.token });
        await until('the token is revoked', async () => (await ask())?.status === 401);
        const [persist, edge] = [await pipeline.pid('persist'), await pipeline.pid('edge')];
        process.kill(persist, 'SIGSTOP');
        try {
            process.kill(edge, 'SIGKILL');
            const answer = await until('another edge is there', ask);
            assert.equal(answer.status, 503);
            assert.match(answer.body.error.message, /sessions have ended/);
            assert.ok(Number(answer.headers.get('retry-after')) > 0);
            assert.equal((await call(url, 'GET', '/socket.io/?EIO=4&transport=polling')).status, 503);
        } finally {
            process.kill(persist, 'SIGCONT');
        }
        const answer = await until('tokens are taken again', async () => {
            const now = await ask();
            return now?.status !== 503 && now;
        });
        assert.equal(answer.status, 401);
        assert.equal(answer.body.error.details.reason, 'revoked');
    });
});

describe('an edge that stops', () => {
    let pipeline, url;

    before(async () => {
        pipeline = await new Pipeline({ config: { edge: { argon2_memory_kib: 65536, argon2_passes: 10 } } }).start();
        [url] = pipeline.urls;
    });
    after(() => pipeline?.stop());

    test('says so to all who ask, and calls nobody\'s password wrong', async () => {
        const user = { username: 'ann', email: 'ann@example.org', password: 'open sesame' };
        await must(url, 'POST', '/api/auth/register', { body: user });
        const pid = await pipeline.pid('edge');
        const answers = [];
        const login = () => call(url, 'POST', '/api/auth/login', { body: { login: 'ann', password: user.password } }).then((answer) => answers.push(answer), () => {});
        const all = Array.from({ length: 12 }, login);
        await until('some wait', async () => (await pipeline.status()).edge.counters.passwords_waiting > 6);
        process.kill(pid, 'SIGTERM');
        await Promise.all(all);
        const stopped = answers.filter((answer) => answer.status !== 200);
        assert.ok(stopped.length > 0);
        for (const { status, headers, body } of stopped) assert.deepEqual([status, body.error.code, headers.get('retry-after')], [503, 'unavailable', '1']);
    });
});

describe('tokens that end', () => {
    let pipeline, url, ann;

    before(async () => {
        pipeline = await new Pipeline({ config: { edge: { admin_token_s: 10, token_s: 10, expiring_s: 8 } } }).start();
        [url] = pipeline.urls;
        [ann] = await pipeline.users(1);
    });
    after(() => pipeline?.stop());

    test('are announced, can be renewed on the socket, and else end it', async () => {
        const renewed = await connect(url, ann.token), left = await connect(url, ann.token);
        const told = [], gone = [];
        for (const socket of [renewed, left]) {
            socket.on('auth:expiring', ({ expiresIn }) => told.push(expiresIn));
            socket.on('disconnect', (reason) => gone.push([socket, reason]));
        }
        await until('both are told', () => told.length === 2);
        assert.ok(told.every((seconds) => seconds > 0 && seconds <= 8));
        const [fresh] = await pipeline.tokens(['user0']);
        const [other] = await pipeline.users(1, 'other');
        assert.equal((await renewed.timeout(5000).emitWithAck('auth:refresh', { token: other.token })).error.code, 'unauthorized');
        assert.deepEqual(await renewed.timeout(5000).emitWithAck('auth:refresh', { token: fresh.token }), { ok: true });
        await until('the other one is out', () => gone.length > 0);
        assert.equal(gone[0][0], left);
        assert.equal(gone[0][1], 'io server disconnect');
        assert.ok(renewed.connected);
        renewed.close();
    });
});

describe('a start that cannot work', () => {
    const start = (env) => new Promise((resolve) => {
        const child = spawn(path.join(bin, 'parley-edge'), [], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], cwd: '/tmp' });
        let said = '';
        child.stderr.on('data', (chunk) => { said += chunk; });
        child.on('exit', (code) => resolve({ code, said }));
    });
    let pipeline;

    before(async () => { pipeline = await new Pipeline().start(); });
    after(() => pipeline?.stop());

    const env = (more) => ({ PARLEY_BUS_DIR: pipeline.dir, PARLEY_EDGE_JWT_KEY: path.join(pipeline.dir, 'secrets', 'jwt.key'), ...more });

    test('says which port is taken', async () => {
        const server = createServer().listen(0, '127.0.0.1');
        await new Promise((resolve) => server.once('listening', resolve));
        const { port } = server.address();
        const { code, said } = await start(env({ PARLEY_EDGE_PORT: String(port) }));
        server.close();
        assert.equal(code, 1);
        assert.match(said, new RegExp(`port is taken.*port=${port}`));
    });
    test('says that the web client or the key is missing', async () => {
        const noPages = await start(env({ PARLEY_EDGE_WEB: '/nonexistent' }));
        assert.equal(noPages.code, 1);
        assert.match(noPages.said, /edge\/web is no folder/);
        const noKey = await start(env({ PARLEY_EDGE_JWT_KEY: '/nonexistent' }));
        assert.equal(noKey.code, 1);
        assert.match(noKey.said, /edge\/jwt_key: \/nonexistent No such file/);
    });
});
