// What is refused, how, and that the connection lives on and nothing is stored.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { Pipeline, until } from '../lib/pipeline.mjs';
import { call, conversation, log, must } from '../lib/rest.mjs';

describe('a send that is refused', () => {
    let pipeline, url, alice, bob, eve, id, foreign, socket;

    before(async () => {
        pipeline = await new Pipeline().start();
        [url] = pipeline.urls;
        [alice, bob, eve] = await pipeline.users(3);
        id = (await conversation(url, alice.token, [bob.id])).id;
        foreign = (await conversation(url, bob.token, [eve.id])).id;
        socket = io(url, { auth: { token: alice.token }, transports: ['websocket'] });
        await until('connected', () => socket.connected);
    });
    after(async () => {
        socket?.close();
        await pipeline?.stop();
    });

    const send = (body) => socket.timeout(10000).emitWithAck('message:send', body);
    const good = (more) => ({ conversationId: id, clientId: 'x', text: 'x', ...more });

    async function refuses(body, code, member) {
        const logs = [await log(url, alice.token, id), await log(url, bob.token, foreign)];
        const answer = await send(body);
        assert.equal(answer.ok, false);
        assert.equal(answer.error.code, code, JSON.stringify(answer));
        assert.equal(typeof answer.error.message, 'string');
        if (member) assert.equal(answer.error.details.member, member);
        assert.ok(socket.connected);
        assert.deepEqual([await log(url, alice.token, id), await log(url, bob.token, foreign)], logs);
        return answer;
    }

    test('with a member of the wrong type names the member', () => refuses(good({ text: 5 }), 'invalid', 'text'));
    test('without a member names the member', () => refuses({ conversationId: id, text: 'x' }, 'invalid', 'clientId'));
    test('with an empty text is invalid', () => refuses(good({ text: '' }), 'invalid', 'text'));
    test('with 100 kB of text is too large', () => refuses(good({ text: 'x'.repeat(100000) }), 'too_large'));
    test('with a text of 20,001 bytes in fewer characters is too large', () => refuses(good({ text: 'ä'.repeat(10001) }), 'too_large'));
    test('with a client id of 129 characters is invalid', () => refuses(good({ clientId: 'x'.repeat(129) }), 'invalid', 'clientId'));
    test('with a client id beyond ASCII is invalid', () => refuses(good({ clientId: 'é' }), 'invalid', 'clientId'));
    test('with an id that is none is not found or invalid', () => refuses(good({ conversationId: 'nonsense' }), 'not_found'));
    test('with an id that is quoted up to half a character is answered all the same', () => refuses(good({ conversationId: `x${'é'.repeat(40)}` }), 'not_found'));
    test('to an unknown conversation is not found', () => refuses(good({ conversationId: id.replace(/./g, 'b').slice(0, -1) + 'a' }), 'not_found'));
    test('to somebody else\'s conversation is not found', () => refuses(good({ conversationId: foreign }), 'not_found'));
    test('with an attachment that does not exist is not found', () => refuses(good({ attachmentIds: ['aaaaaaaaaaaaaaaaaaaaaaaaaa'] }), 'not_found'));
    test('with an argument that is no object is invalid', () => refuses('text', 'invalid'));
    test('with NUL in its text is invalid', () => refuses(good({ text: 'a\u0000b' }), 'invalid'));
    test('with a lone surrogate is invalid', () => refuses(good({ text: 'a\ud83d' }), 'invalid'));
    test('an event that does not exist is not found', async () => {
        const answer = await socket.timeout(10000).emitWithAck('message:sing', {});
        assert.equal(answer.error.code, 'not_found');
    });
    test('with the same client id and another text is a conflict that names the original', async () => {
        const first = await send(good({ clientId: 'conflict', text: 'one' }));
        assert.equal(first.ok, true);
        const answer = await refuses(good({ clientId: 'conflict', text: 'two' }), 'conflict');
        assert.equal(answer.error.details.messageId, first.message.id);
    });
    test('a text of exactly 20,000 bytes is stored unchanged', async () => {
        const text = 'ä'.repeat(10000);
        const answer = await send(good({ clientId: 'long', text }));
        assert.equal(answer.message?.text, text);
    });
    test('a conversation of more members than one call may name is invalid', async () => {
        const memberIds = Array.from({ length: 1001 }, () => bob.id);
        const answer = await call(url, 'POST', '/api/conversations', { token: alice.token, body: { kind: 'group', clientId: 'crowd', title: 'crowd', memberIds } });
        assert.equal(answer.status, 400);
        assert.equal(answer.body.error.details.member, 'memberIds');
    });
    test('REST says the same with the fitting status', async () => {
        const post = (body, headers) => call(url, 'POST', '/api/messages', { token: alice.token, body, headers });
        assert.equal((await post(good({ text: 5 }))).status, 400);
        assert.equal((await post(good({ text: 'x'.repeat(100000) }))).status, 413);
        assert.equal((await post(good({ conversationId: foreign }))).status, 404);
        assert.equal((await post('{"text":')).status, 400);
        assert.equal((await post('x', { 'content-type': 'text/plain' })).status, 415);
        assert.equal((await call(url, 'GET', '/api/nothing')).status, 404);
        assert.equal((await call(url, 'DELETE', '/api/messages', { token: alice.token })).status, 405);
        assert.equal((await call(url, 'GET', '/api/users/me')).status, 401);
    });

    test('an expired, a forged and a missing token are refused at both doors', async () => {
        const key = (await readFile(path.join(pipeline.dir, 'secrets', 'jwt.key'), 'utf8')).trim();
        const [head, body] = alice.token.split('.');
        const claims = JSON.parse(Buffer.from(body, 'base64url'));
        const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
        const sign = (h, c) => {
            const text = `${h}.${part(c)}`;
            return [Buffer.from(key), Buffer.from(key, 'hex'), Buffer.from(key, 'base64url')].map((k) => `${text}.${createHmac('sha256', k).update(text).digest('base64url')}`);
        };
        const now = Math.floor(Date.now() / 1000);
        const works = (await Promise.all(sign(head, claims).map(async (t) => (await call(url, 'GET', '/api/users/me', { token: t })).status))).indexOf(200);
        assert.ok(works >= 0, 'the test knows how tokens are signed');
        const cases = {
            expired: sign(head, { ...claims, iat: now - 7200, nbf: now - 7200, exp: now - 3600 })[works],
            invalid: sign(head, { ...claims, aud: 'another' })[works],
            missing: undefined,
        };
        for (const [code, token] of Object.entries(cases)) {
            assert.equal((await call(url, 'GET', '/api/users/me', { token })).status, 401, code);
            const refused = io(url, { auth: token ? { token } : {}, forceNew: true });
            const error = await new Promise((resolve) => refused.once('connect_error', resolve));
            refused.close();
            assert.equal(error.message, 'unauthorized');
            assert.equal(error.data.code, code);
        }
        const none = `${part({ alg: 'none', typ: 'JWT' })}.${body}.`;
        assert.equal((await call(url, 'GET', '/api/users/me', { token: none })).status, 401);
    });

    test('a packet above maxPayload closes the connection, and reconnecting works', async () => {
        const other = io(url, { auth: { token: alice.token }, forceNew: true, transports: ['websocket'], reconnectionDelay: 50 });
        await until('connected', () => other.connected);
        const first = other.id;
        other.emit('message:send', good({ text: 'x'.repeat(1100000) }), () => {});
        await until('the client is back on a new connection', () => other.connected && other.id !== first);
        assert.equal((await other.timeout(10000).emitWithAck('message:send', good({ clientId: 'back' }))).ok, true);
        other.close();
    });

    test('a packet that breaks the protocol closes the connection', async () => {
        const raw = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
        const closed = new Promise((resolve) => raw.on('close', resolve));
        await new Promise((resolve) => raw.once('message', resolve));
        raw.send('42["message:send",{}]'); // before CONNECT
        await closed;
    });

    test('the edge is well and has stored nothing of all this', async () => {
        assert.equal((await call(url, 'GET', '/health')).status, 200);
        const events = await log(url, alice.token, id);
        assert.deepEqual(events.map((event) => event.kind), ['conversation.created', ...Array(3).fill('message.created')]);
        await must(url, 'GET', '/api/conversations', { token: alice.token });
    });
});
