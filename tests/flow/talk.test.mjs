// Two people, the real daemons: register, start a conversation, talk, come back.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { Pipeline, until } from '../lib/pipeline.mjs';
import { call, conversation, log, must } from '../lib/rest.mjs';
import { mongodb } from '../lib/stores.mjs';

const person = (username) => ({ username, email: `${username}@example.org`, password: 'correct horse battery', displayName: username.toUpperCase() });

function connect(url, token, options = {}) {
    const socket = io(url, { auth: { token }, forceNew: true, ...options });
    socket.events = [];
    socket.on('event', (event) => socket.events.push(event));
    return new Promise((resolve, reject) => {
        socket.once('connect', () => resolve(socket));
        socket.once('connect_error', (error) => { socket.close(); reject(error); });
    });
}

for (const kind of ['sqlite', 'mongodb']) {
    describe(`on ${kind}`, () => {
        let pipeline, store, url, alice, bob, eve;
        const sockets = [];
        const open = async (...args) => { const socket = await connect(...args); sockets.push(socket); return socket; };

        before(async () => {
            store = kind === 'mongodb' ? await mongodb() : { kind };
            if (store.skip) return;
            pipeline = await new Pipeline({ store, workers: kind === 'mongodb' ? 2 : 1 }).start();
            [url] = pipeline.urls;
        });
        after(async () => {
            for (const socket of sockets) socket.close();
            await pipeline?.stop();
            await store?.stop?.();
        });
        const check = (name, fn) => test(name, async (t) => (store.skip ? t.skip(store.skip) : fn(t)));

        check('people register and get a profile and tokens', async () => {
            alice = await must(url, 'POST', '/api/auth/register', { body: person('alice') });
            bob = await must(url, 'POST', '/api/auth/register', { body: person('bob') });
            eve = await must(url, 'POST', '/api/auth/register', { body: person('eve') });
            assert.equal(alice.user.username, 'alice');
            assert.equal(alice.user.email, 'alice@example.org');
            assert.ok(alice.accessToken && alice.refreshToken && alice.expiresIn > 0);
            const me = await must(url, 'GET', '/api/users/me', { token: alice.accessToken });
            assert.deepEqual(me, alice.user);
            const other = await must(url, 'GET', `/api/users/${bob.user.id}`, { token: alice.accessToken });
            assert.equal(other.displayName, 'BOB');
            assert.equal(other.email, undefined);
        });

        check('a username or an address that is taken is a conflict', async () => {
            const name = await call(url, 'POST', '/api/auth/register', { body: { ...person('alice'), email: 'new@example.org' } });
            assert.equal(name.status, 409);
            assert.equal(name.body.error.code, 'conflict');
            const mail = await call(url, 'POST', '/api/auth/register', { body: { ...person('alice2'), email: 'alice@example.org' } });
            assert.equal(mail.status, 409);
        });

        check('people log in by username or by address, not with a wrong password', async () => {
            for (const login of ['alice', 'alice@example.org']) {
                const answer = await must(url, 'POST', '/api/auth/login', { body: { login, password: person('alice').password } });
                assert.equal(answer.user.id, alice.user.id);
            }
            for (const login of ['alice', 'nobody']) {
                const answer = await call(url, 'POST', '/api/auth/login', { body: { login, password: 'wrong horse battery' } });
                assert.equal(answer.status, 401);
                assert.equal(answer.body.error.code, 'unauthorized');
            }
        });

        check('people are found by the beginning of their name', async () => {
            const found = await must(url, 'GET', '/api/users?q=bo&limit=5', { token: alice.accessToken });
            assert.deepEqual((found.users ?? found).map((user) => user.username), ['bob']);
        });

        check('a direct conversation is the same one for both', async () => {
            const one = await call(url, 'POST', '/api/conversations', { token: alice.accessToken, body: { kind: 'direct', memberIds: [bob.user.id], clientId: 'a' } });
            assert.equal(one.status, 201);
            assert.equal(one.body.kind, 'direct');
            assert.equal(one.body.memberCount, 2);
            const two = await call(url, 'POST', '/api/conversations', { token: bob.accessToken, body: { kind: 'direct', memberIds: [alice.user.id], clientId: 'b' } });
            assert.equal(two.status, 200);
            assert.equal(two.body.id, one.body.id);
        });

        check('a message is acknowledged as durable and seen at once by both', async () => {
            const { id } = await conversation(url, alice.accessToken, [bob.user.id]);
            const a = await open(url, alice.accessToken);
            const b = await open(url, bob.accessToken, { transports: ['polling'] });
            const answer = await a.timeout(10000).emitWithAck('message:send', { conversationId: id, clientId: 'hello', text: 'Hello Bob 🙂 \u0001 漢字' });
            assert.equal(answer.ok, true);
            assert.equal(answer.duplicate, false);
            assert.equal(answer.durability, kind === 'sqlite' ? 'fsync' : 'majority');
            assert.equal(answer.message.text, 'Hello Bob 🙂 \u0001 漢字');
            await until('both have the event', () => a.events.length && b.events.length);
            const [event] = b.events;
            assert.equal(event.kind, 'message.created');
            assert.equal(event.actorId, alice.user.id);
            assert.equal(event.seq, answer.message.seq);
            assert.deepEqual(event.message, answer.message);
            assert.deepEqual(a.events, b.events);
        });

        check('a repeat gets the first answer, another text is a conflict that names the original', async () => {
            const { id } = await conversation(url, alice.accessToken, [bob.user.id]);
            const body = { conversationId: id, clientId: 'twice', text: 'once' };
            const first = await call(url, 'POST', '/api/messages', { token: alice.accessToken, body });
            assert.equal(first.status, 201);
            const again = await call(url, 'POST', '/api/messages', { token: alice.accessToken, body });
            assert.equal(again.status, 200);
            assert.deepEqual(again.body.message, first.body.message);
            const a = await open(url, alice.accessToken);
            const bySocket = await a.timeout(10000).emitWithAck('message:send', body);
            assert.equal(bySocket.duplicate, true);
            assert.deepEqual(bySocket.message, first.body.message);
            const other = await call(url, 'POST', '/api/messages', { token: alice.accessToken, body: { ...body, text: 'twice' } });
            assert.equal(other.status, 409);
            assert.equal(other.body.error.details.messageId, first.body.message.id);
        });

        check('history is read by pages in both directions', async () => {
            const { id } = await conversation(url, alice.accessToken, [bob.user.id], { title: 'pages' });
            for (let n = 1; n <= 12; n++) await must(url, 'POST', '/api/messages', { token: alice.accessToken, body: { conversationId: id, clientId: `n${n}`, text: `${n}` } });
            const newest = await must(url, 'GET', `/api/conversations/${id}/messages?limit=5`, { token: bob.accessToken });
            assert.deepEqual(newest.messages.map((m) => m.text), ['8', '9', '10', '11', '12']);
            const older = await must(url, 'GET', `/api/conversations/${id}/messages?limit=5&before=${newest.prevCursor}`, { token: bob.accessToken });
            assert.deepEqual(older.messages.map((m) => m.text), ['3', '4', '5', '6', '7']);
            const newer = await must(url, 'GET', `/api/conversations/${id}/messages?limit=5&after=${older.nextCursor}`, { token: bob.accessToken });
            assert.deepEqual(newer.messages.map((m) => m.text), ['8', '9', '10', '11', '12']);
            const events = await log(url, bob.accessToken, id);
            assert.deepEqual(events.map((event) => event.seq), Array.from({ length: 13 }, (_, i) => i + 1));
            assert.equal(events[0].kind, 'conversation.created');
        });

        check('conversations are listed by their newest activity', async () => {
            const list = await must(url, 'GET', '/api/conversations', { token: alice.accessToken });
            assert.equal(list.conversations[0].title, 'pages');
            assert.equal(list.conversations[0].lastMessage.text, '12');
            assert.equal(list.conversations[0].lastSeq, 13);
            const none = await must(url, 'GET', '/api/conversations', { token: eve.accessToken });
            assert.deepEqual(none.conversations, []);
        });

        check('sync tells what was missed, what was joined and what was left', async () => {
            const { id } = await conversation(url, alice.accessToken, [bob.user.id], { title: 'sync' });
            for (let n = 1; n <= 3; n++) await must(url, 'POST', '/api/messages', { token: alice.accessToken, body: { conversationId: id, clientId: `n${n}`, text: `${n}` } });
            const b = await open(url, bob.accessToken);
            const missed = await b.timeout(10000).emitWithAck('sync', { cursors: { [id]: 2 } });
            assert.deepEqual(missed.conversations[id].events.map((event) => event.seq), [3, 4]);
            assert.equal(missed.conversations[id].lastSeq, 4);
            assert.ok(missed.joined.length > 0 && missed.joined.every((one) => one.id !== id));
            await must(url, 'DELETE', `/api/conversations/${id}/members/${bob.user.id}`, { token: alice.accessToken });
            await must(url, 'POST', '/api/messages', { token: alice.accessToken, body: { conversationId: id, clientId: 'secret', text: 'without Bob' } });
            const gone = await b.timeout(10000).emitWithAck('sync', { cursors: { [id]: 4 } });
            assert.deepEqual(gone.left, [id]);
            assert.deepEqual(gone.conversations[id].events.map((event) => event.kind), ['member.removed']);
            await until('the removal arrives live', () => b.events.some((event) => event.kind === 'member.removed'));
            assert.ok(!b.events.some((event) => event.message?.text === 'without Bob'));
            assert.equal((await call(url, 'GET', `/api/conversations/${id}/messages`, { token: bob.accessToken })).status, 404);
        });

        check('somebody who is added sees what comes from then on, live and in history', async () => {
            const { id } = await conversation(url, alice.accessToken, [bob.user.id], { title: 'added' });
            await must(url, 'POST', '/api/messages', { token: alice.accessToken, body: { conversationId: id, clientId: 'before', text: 'before' } });
            const e = await open(url, eve.accessToken);
            await must(url, 'POST', `/api/conversations/${id}/members`, { token: alice.accessToken, body: { userIds: [eve.user.id] } });
            await must(url, 'POST', '/api/messages', { token: alice.accessToken, body: { conversationId: id, clientId: 'after', text: 'after' } });
            await until('both events are there', () => e.events.filter((event) => event.conversationId === id).length >= 2);
            assert.deepEqual(e.events.filter((event) => event.conversationId === id).map((event) => event.seq), [3, 4]);
            const page = await must(url, 'GET', `/api/conversations/${id}/messages`, { token: eve.accessToken });
            assert.deepEqual(page.messages.map((m) => m.text), ['after']);
        });

        check('a refresh token works once; a second use ends the whole family', async () => {
            const login = await must(url, 'POST', '/api/auth/login', { body: { login: 'eve', password: person('eve').password } });
            const key = { headers: { 'idempotency-key': 'k1' } };
            const next = await must(url, 'POST', '/api/auth/refresh', { body: { refreshToken: login.refreshToken }, ...key });
            const same = await must(url, 'POST', '/api/auth/refresh', { body: { refreshToken: login.refreshToken }, ...key });
            assert.equal(same.refreshToken, next.refreshToken);
            assert.equal((await call(url, 'POST', '/api/auth/refresh', { body: { refreshToken: login.refreshToken } })).status, 401);
            assert.equal((await call(url, 'POST', '/api/auth/refresh', { body: { refreshToken: next.refreshToken } })).status, 401);
        });

        check('logging out ends that session on every door within a second', async () => {
            const login = await must(url, 'POST', '/api/auth/login', { body: { login: 'eve', password: person('eve').password } });
            const e = await open(url, login.accessToken);
            assert.equal((await call(url, 'POST', '/api/auth/logout', { token: login.accessToken })).status, 204);
            await until('the socket is closed', () => !e.connected, 1000);
            assert.equal((await call(url, 'GET', '/api/users/me', { token: login.accessToken })).status, 401);
            await assert.rejects(connect(url, login.accessToken), (error) => error.data?.code === 'revoked');
            assert.equal((await call(url, 'POST', '/api/auth/refresh', { body: { refreshToken: login.refreshToken } })).status, 401);
        });

        check('everything is still there after the pipeline was stopped and started', async () => {
            for (const socket of sockets) socket.close();
            const before = await must(url, 'GET', '/api/conversations', { token: alice.accessToken });
            await pipeline.down();
            await pipeline.up();
            const afterwards = await must(url, 'GET', '/api/conversations', { token: alice.accessToken });
            assert.deepEqual(afterwards, before);
        });

        check('everything is still there after the daemons and the server of the store were killed', async () => {
            const before = await must(url, 'GET', '/api/conversations', { token: alice.accessToken });
            const all = await pipeline.status();
            if (store.kill) await store.kill();
            for (const one of Object.values(all)) process.kill(one.pid, 'SIGKILL');
            if (store.restart) await store.restart();
            await until('all daemons are back', async () => {
                const now = await pipeline.healthy();
                return now && Object.entries(now).every(([name, one]) => one.pid !== all[name].pid);
            }, 60000);
            const afterwards = await until('the edge answers', () => must(url, 'GET', '/api/conversations', { token: alice.accessToken }).catch(() => undefined));
            assert.deepEqual(afterwards, before);
            const said = await must(url, 'POST', '/api/messages', { token: alice.accessToken, body: { conversationId: before.conversations[0].id, clientId: 'after the kill', text: 'still here' } });
            assert.equal(said.message.seq, before.conversations[0].lastSeq + 1);
        });

        if (kind === 'mongodb')
            check('every write asked for majority and journal', async () => {
                const all = await pipeline.status();
                for (const [name, one] of Object.entries(all).filter(([n]) => n.startsWith('persist'))) {
                    assert.equal(one.counters.mongo_unsafe_writes, 0, name);
                    assert.ok(one.counters.mongo_writes > 0, name);
                }
            });
    });
}
