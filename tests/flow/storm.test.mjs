// An edge dies, its clients come to the other one: they are let in at a pace, come back by themselves whatever they are
// told meanwhile, and are told what they missed from memory, which says the same as the store.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { random } from '../lib/crowd.mjs';
import { Follower } from '../lib/follower.mjs';
import { patience, Pipeline, until } from '../lib/pipeline.mjs';
import { call, conversation, log, must } from '../lib/rest.mjs';
import { Polling, Socket } from '../lib/sio.mjs';

const counters = async (pipeline, name) => (await pipeline.status())[name].counters;

function connect(url, token, options = {}) {
    return io(url, { auth: { token }, forceNew: true, transports: ['websocket'], ...options });
}

async function ask(socket, cursors, more = {}) {
    const answer = await socket.timeout(20000 * patience).emitWithAck('sync', { cursors, ...more });
    assert.equal(answer.ok, true, JSON.stringify(answer));
    return answer;
}

async function say(socket, conversationId, text) {
    const answer = await socket.timeout(20000 * patience).emitWithAck('message:send', { conversationId, clientId: `${conversationId}-${text}`, text });
    assert.equal(answer.ok, true, JSON.stringify(answer));
    return answer.message.seq;
}

describe('when an edge dies with its clients', () => {
    const CLIENTS = 200, ROOMS = 10;
    let pipeline, people, rooms, speaker;
    const members = [];

    before(async () => {
        pipeline = await new Pipeline({
            edges: 2,
            config: { edge: { handshakes_rate: 60, handshakes_burst: 20, connects_rate: 50, connecting: 4 }, 'edge.1': { handshakes_rate: 10000, handshakes_burst: 10000, connects_rate: 10000 } },
        }).start();
        people = await pipeline.users(CLIENTS + 1);
        rooms = [];
        for (let i = 0; i < ROOMS; i++)
            rooms.push((await conversation(pipeline.urls[1], people[CLIENTS].token, people.slice(0, CLIENTS).filter((_, at) => at % ROOMS === i).map(({ id }) => id), { title: `room ${i}` })).id);
        speaker = connect(pipeline.urls[1], people[CLIENTS].token);
        await until('the speaker is in', () => speaker.connected);
    });
    after(async () => {
        members.forEach(({ socket }) => socket.close());
        speaker?.close();
        await pipeline?.stop();
    });

    function join(i) {
        const follower = new Follower();
        const room = rooms[i % ROOMS];
        const member = { follower, room, refused: [], failed: 0, lost: 0 };
        const options = i % 3 === 0 ? { transports: ['polling'] } : i % 3 === 1 ? { transports: ['polling', 'websocket'] } : {};

        follower.watch(room);
        member.socket = connect(pipeline.urls[0], people[i].token, { reconnectionDelay: 100, reconnectionDelayMax: 500, ...options });
        follower.attach(member.socket);
        member.socket.on('connect_error', (error) => { if (error.data) member.refused.push(error); else member.failed++; });
        member.socket.on('disconnect', () => { member.lost++; });
        members.push(member);
    }

    test('they all come back by themselves, have everything, and none is refused at CONNECT', async () => {
        for (let i = 0; i < CLIENTS; i++) join(i);
        await until('all are in', () => members.every(({ follower }) => follower.state === 'live'), 60000);
        const before = await counters(pipeline, 'edge.2');
        for (const { socket } of members) socket.io.uri = pipeline.urls[1]; // where a balancer would send them
        await pipeline.signal('edge.1', 'SIGKILL');
        await until('they notice', () => members.every(({ lost }) => lost > 0));
        for (let n = 0; n < 5; n++) for (const room of rooms) await say(speaker, room, `${n}`);
        await until('all are back', () => members.every(({ follower }) => follower.counts.connects > 1 && follower.state === 'live'), 60000);
        const heads = Object.fromEntries(await Promise.all(rooms.map(async (room) => [room, (await log(pipeline.urls[1], people[CLIENTS].token, room)).length])));
        await until('all have everything', () => members.every(({ follower, room }) => follower.cursors[room] === heads[room]), 20000);
        for (const { follower, refused } of members) {
            assert.deepEqual(refused, []);
            assert.deepEqual(follower.problems, []);
        }
        const now = await counters(pipeline, 'edge.2');
        assert.ok(now.handshakes_over_rate > before.handshakes_over_rate, 'handshakes were refused');
        assert.ok(now.connects_delayed > before.connects_delayed, 'CONNECTs had to wait');
        assert.ok(members.some(({ failed }) => failed > 0), 'clients saw the refusal, and came again');
        assert.equal(now.connects_turned_away, before.connects_turned_away);
        assert.equal(now.connects_waiting, 0);
        assert.ok(now.syncs_asked - before.syncs_asked < (now.syncs - before.syncs) / 2, `persist was asked ${now.syncs_asked - before.syncs_asked} times for ${now.syncs - before.syncs} syncs`);
    });

    test('a handshake too many is a 503 that says when to come again, by polling and by WebSocket', async () => {
        const url = pipeline.urls[1];
        const refused = [];

        await until('the burst is used up', async () => {
            refused.push(...(await Promise.all(Array.from({ length: 50 }, () => call(url, 'GET', '/socket.io/?EIO=4&transport=polling')))).filter(({ status }) => status === 503));
            return refused.length > 0;
        });
        for (const { headers, body } of refused) {
            assert.match(headers.get('retry-after'), /^\d+$/);
            assert.equal(body.message, 'Too many at once');
        }
        await until('the burst is used up for WebSockets', async () => {
            const sockets = Array.from({ length: 50 }, () => new Socket(`${url}/socket.io/?EIO=4&transport=websocket`));
            await until('each is answered', () => sockets.every((socket) => socket.closed || socket.arrived.length));
            const found = sockets.filter((socket) => socket.refused);
            sockets.forEach((socket) => socket.ws.terminate());
            for (const { refused: { status, headers } } of found) {
                assert.equal(status, 503);
                assert.match(headers['retry-after'], /^\d+$/);
            }
            return found.length > 0;
        });
    });
});

test('where too many wait for their turn, handshakes are refused and whoever is in is sent away to come again', async () => {
    const pipeline = await new Pipeline({ config: { edge: { connects_rate: 1, connecting: 1, connects_waiting: 3 } } }).start();
    const sockets = [];

    try {
        const people = await pipeline.users(1);
        const open = async () => Promise.all(Array.from({ length: 12 }, () => Polling.open(pipeline.urls[0], '/socket.io/').catch(() => undefined)));
        const polling = (await open()).filter(Boolean);
        for (const one of polling) await one.post(`40{"token":"${people[0].token}"}`);
        await until('some were sent away', async () => (await counters(pipeline, 'edge')).connects_turned_away > 0);
        const refused = await call(pipeline.urls[0], 'GET', '/socket.io/?EIO=4&transport=polling');
        assert.deepEqual([refused.status, Number(refused.headers.get('retry-after')) > 1], [503, true]);
        for (let i = 0; i < 4; i++) sockets.push(connect(pipeline.urls[0], people[0].token, { reconnectionDelay: 100, reconnectionDelayMax: 500 }));
        await until('they come in one after the other', () => sockets.every((socket) => socket.connected), 60000);
    } finally {
        sockets.forEach((socket) => socket.close());
        await pipeline.stop();
    }
});

describe('what the memory says', () => {
    let pipeline, people, owner;
    const sockets = [];

    before(async () => {
        pipeline = await new Pipeline({ edges: 2, config: { 'edge.2': { tail_megabytes: 0 } } }).start();
        people = await pipeline.users(5);
        owner = await join(0, 0);
    });
    after(async () => {
        sockets.forEach((socket) => socket.close());
        await pipeline?.stop();
    });

    async function join(i, edge) {
        const socket = connect(pipeline.urls[edge], people[i].token);
        sockets.push(socket);
        await until('it is in', () => socket.connected);
        return socket;
    }

    const room = async (...who) => (await conversation(pipeline.urls[0], people[0].token, who.map((i) => people[i].id), { title: 'room' })).id;
    const remove = (id, i) => must(pipeline.urls[0], 'DELETE', `/api/conversations/${id}/members/${people[i].id}`, { token: people[0].token });
    const add = (id, i) => must(pipeline.urls[0], 'POST', `/api/conversations/${id}/members`, { token: people[0].token, body: { userIds: [people[i].id], clientId: `add-${i}-${Math.random()}` } });

    test('a stopped persist does not keep it from telling what is known', async () => {
        const id = await room(1);
        const reader = await join(1, 0);
        for (let n = 0; n < 5; n++) await say(owner, id, `${n}`);
        await until('the edge has seen them', async () => (await ask(reader, { [id]: 1 })).conversations[id]?.events.length === 5);
        const pid = await pipeline.pid('persist');
        process.kill(pid, 'SIGSTOP');
        try {
            const { conversations, joined, left, more } = await ask(reader, { [id]: 3 });
            assert.deepEqual(conversations[id].events.map(({ seq, message }) => [seq, message.text]), [[4, '2'], [5, '3'], [6, '4']]);
            assert.deepEqual([conversations[id].lastSeq, conversations[id].more, joined, left, more], [6, false, [], [], false]);
            const page = await ask(reader, { [id]: 3 }, { limit: 2 });
            assert.deepEqual([page.conversations[id].events.map(({ seq }) => seq), page.conversations[id].more, page.more], [[4, 5], true, true]);
            assert.deepEqual((await ask(reader, { [id]: 6 })).conversations, {});
        } finally {
            process.kill(pid, 'SIGCONT');
            await until('persist is well', () => pipeline.healthy());
        }
    });

    test('it ends at a removal, and does not tell what was said while one was out', async () => {
        const id = await room(2, 3);
        const reader = await join(2, 0), other = await join(3, 0);
        await say(owner, id, 'before'); // 2
        await remove(id, 2); // 3
        await say(owner, id, 'secret'); // 4
        await until('the others have it', async () => (await ask(other, { [id]: 3 })).conversations[id]?.events.length === 1);
        const out = await ask(reader, { [id]: 1 });
        assert.deepEqual([out.conversations[id].events.map(({ seq }) => seq), out.left], [[2, 3], [id]]);
        await add(id, 2); // 5
        await say(owner, id, 'again'); // 6
        await until('it is told again', async () => (await ask(reader, { [id]: 5 })).conversations[id]?.events.length === 1);
        const back = await ask(reader, { [id]: 1 });
        assert.deepEqual(back.conversations[id].events.map(({ seq }) => seq), [2, 3, 5, 6]);
        assert.ok(!JSON.stringify(back).includes('secret'));
        assert.deepEqual((await ask(other, { [id]: 1 })).conversations[id].events.map(({ seq }) => seq), [2, 3, 4, 5, 6]);
    });

    test('on every question it says the same as the store, whoever came and went', async () => {
        const pick = random(7);
        const readers = await Promise.all([0, 1].map((edge) => Promise.all([1, 2, 3, 4].map((i) => join(i, edge)))));
        const ids = [];
        for (let i = 0; i < 4; i++) ids.push(await room(1, 2, 3, 4));
        const inside = ids.map(() => new Set([1, 2, 3, 4]));
        for (let n = 0; n < 120; n++) {
            const at = Math.floor(pick() * ids.length), who = 1 + Math.floor(pick() * 4);
            if (pick() > 0.25) await say(owner, ids[at], `t${n}`);
            else if (inside[at].delete(who)) await remove(ids[at], who);
            else { await add(ids[at], who); inside[at].add(who); }
        }
        const heads = await Promise.all(ids.map(async (id) => (await log(pipeline.urls[0], people[0].token, id)).length));
        const whole = Object.fromEntries(ids.map((id) => [id, 0]));
        await until('both edges have seen all', async () => {
            const [one, two] = await Promise.all([0, 1].map(async (edge) => ask(await ownerOn(edge), whole)));
            return ids.every((id, i) => one.conversations[id]?.lastSeq === heads[i] && two.conversations[id]?.lastSeq === heads[i]);
        });
        const all = async (socket, cursors, limit) => {
            const found = {}, left = new Set(), joined = new Set();
            for (let more = true, now = { ...cursors }; more;) {
                const answer = await ask(socket, now, { limit });
                for (const [id, { events }] of Object.entries(answer.conversations)) {
                    found[id] = [...(found[id] ?? []), ...events];
                    now[id] = events.at(-1).seq;
                }
                answer.left.forEach((id) => left.add(id));
                answer.joined.forEach(({ id }) => joined.add(id));
                more = answer.more;
            }
            return { found, left: [...left].sort(), joined: [...joined].sort() };
        };
        const before = await counters(pipeline, 'edge.1');
        for (let n = 0; n < 60; n++) {
            const who = n % 4;
            const cursors = Object.fromEntries(ids.flatMap((id, i) => (pick() < 0.1 ? [] : [[id, Math.floor(heads[i] * (1 - pick() ** 3) * 1.05)]])));
            const answers = await Promise.all([0, 1].map((edge) => ask(readers[edge][who], cursors)));
            const sorted = answers.map((answer) => ({ ...answer, left: [...answer.left].sort() }));
            assert.deepEqual(sorted[0], sorted[1]);
            const [one, two] = await Promise.all([0, 1].map((edge) => all(readers[edge][who], cursors, 7)));
            assert.deepEqual(one, two);
        }
        const now = await counters(pipeline, 'edge.1');
        assert.ok(now.syncs_asked - before.syncs_asked < now.syncs - before.syncs, 'some were answered from memory');
    });

    const owners = [];
    async function ownerOn(edge) {
        owners[edge] ??= edge === 0 ? owner : await join(0, 1);
        return owners[edge];
    }
});
