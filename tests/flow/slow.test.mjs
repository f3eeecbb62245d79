// Readers that stop reading: they lose what waits for them, are told so once, and have everything after `sync`.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { Follower } from '../lib/follower.mjs';
import { patience, Pipeline, until } from '../lib/pipeline.mjs';
import { conversation } from '../lib/rest.mjs';
import { Polling, SEPARATOR } from '../lib/sio.mjs';

const TEXT = 'x'.repeat(19000); // some of these fill what the kernel keeps for a connection
const IN_FLIGHT = 32;

let pipeline, url, people, room, other;
const sockets = [];
const counters = async () => (await pipeline.status()).edge.counters;

async function begin(edge) {
    pipeline = await new Pipeline({ config: { edge } }).start();
    [url] = pipeline.urls;
    people = await pipeline.users(4);
    room = (await conversation(url, people[0].token, people.slice(1).map(({ id }) => id))).id;
    other = (await conversation(url, people[0].token, people.slice(1).map(({ id }) => id))).id;
}

async function end() {
    sockets.splice(0).forEach((socket) => socket.close());
    await pipeline?.stop();
}

before(() => begin({ queue_messages: 64, queue_bytes: 1000000 }));
after(end);

async function join(person, options = {}) {
    const socket = io(url, { auth: { token: person.token }, forceNew: true, transports: ['websocket'], ...options });
    const follower = new Follower();

    sockets.push(socket);
    [room, other].forEach((id) => follower.watch(id));
    follower.attach(socket);
    await until('it is in and up to date', () => follower.state === 'live');
    return { socket, follower };
}

let sent = 0;
async function send(sender, text = TEXT) {
    const n = sent++;
    const answer = await sender.socket.timeout(20000 * patience).emitWithAck('message:send', { conversationId: n % 5 === 4 ? other : room, clientId: `m${n}`, text: `${n} ${text}` });
    assert.equal(answer.ok, true, JSON.stringify(answer));
}

/** Sends until check() is true, some at a time. */
async function talk(sender, check) {
    for (let i = 0; !(await check()); i++) {
        assert(i < 100, 'it was said for long enough');
        await Promise.all(Array.from({ length: IN_FLIGHT }, () => send(sender)));
    }
}

const stream = ({ socket }) => socket.io.engine.transport.ws;
const caughtUp = (a, b) => [room, other].every((id) => a.follower.cursors[id] === b.follower.cursors[id]);

async function check(reader, sender) {
    await until('the reader has everything', () => reader.follower.state === 'live' && caughtUp(reader, sender), 30000).catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify([reader.follower, sender.follower].map(({ cursors, state, problems, counts }) => ({ cursors, state, problems, counts })))} ${JSON.stringify(await counters())}`); });
    assert.deepEqual(reader.follower.problems, []);
    assert.deepEqual(reader.follower.texts, sender.follower.texts);
}

test('one that polls, and stays away for long, gets one resync too', async () => {
    const sender = await join(people[0]);
    const polling = await Polling.open(url, '/socket.io/');
    const follower = new Follower();
    const { resyncs } = await counters();
    let acks = 0;
    const read = async () => {
        for (const packet of (await polling.get()).body.split(SEPARATOR)) {
            if (packet === '2') await polling.post('3');
            else if (packet.startsWith('42["event"')) follower.event(JSON.parse(packet.slice(2))[1]);
            else if (packet.startsWith('42["resync"')) follower.resync(JSON.parse(packet.slice(2))[1]);
            else if (packet.startsWith('43')) {
                acks++;
                if (follower.answer(JSON.parse(packet.slice(packet.indexOf('[')))[0])) await sync();
            }
        }
    };
    const sync = () => polling.post(`421["sync",${JSON.stringify({ cursors: follower.cursors })}]`);

    [room, other].forEach((id) => follower.watch(id));
    await polling.post(`40${JSON.stringify({ token: people[1].token })}`);
    await sync();
    while (follower.state !== 'live') await read();
    await talk(sender, async () => (await counters()).resyncs > resyncs);
    while (follower.counts.resyncs === 0) await read();
    await Promise.all([sync(), talk(sender, () => true), send(sender)]);
    await until('it has everything', async () => {
        if (!caughtUp({ follower }, sender)) await read();
        return follower.state === 'live' && caughtUp({ follower }, sender);
    }, 30000);
    assert(acks > 1);
    assert.deepEqual(follower.reasons, ['slow']);
    assert.deepEqual(follower.problems, []);
    assert.deepEqual(follower.texts, sender.follower.texts);
    await polling.post('1');
});

describe('on a WebSocket', () => {
    let sender, slow, neighbour;

    test('one that stops gets one resync, its neighbours every event', async () => {
        [sender, slow, neighbour] = await Promise.all([0, 1, 2].map((i) => join(people[i])));
        const first = await counters();
        stream(slow).pause();
        await talk(sender, async () => (await counters()).resyncs > first.resyncs);
        await talk(sender, async () => (await counters()).events_withheld > first.events_withheld + 100);
        stream(slow).resume();
        await check(slow, sender);
        await check(neighbour, sender);
        assert.deepEqual(slow.follower.reasons, ['slow']);
        assert.equal(slow.follower.counts.connects, 1);
        assert.equal(neighbour.follower.counts.resyncs, 0);
        const now = await counters();
        assert.equal(now.resyncs, first.resyncs + 1);
        assert(now.events_dropped > first.events_dropped && now.events_withheld > first.events_withheld);
        assert.equal(now.socket_overflows, 0);
    });

    test('it goes on as ever, and what comes while sync is being answered is neither skipped nor repeated', async () => {
        for (let round = 0; round < 3; round++) {
            const { resyncs } = await counters();
            stream(slow).pause();
            await talk(sender, async () => (await counters()).resyncs > resyncs);
            const before = slow.follower.counts.resyncs;
            stream(slow).resume();
            await talk(sender, () => slow.follower.counts.resyncs > before && slow.follower.state === 'live');
            await check(slow, sender);
        }
        await check(neighbour, sender);
        assert.equal(neighbour.follower.counts.resyncs, 0);
    });

    test('its own messages are acknowledged all along', async () => {
        const { resyncs } = await counters();
        const answered = [];
        stream(slow).pause();
        await talk(sender, async () => (await counters()).resyncs > resyncs);
        const sends = Array.from({ length: 10 }, () => send(slow, 'from the slow one').then(() => answered.push(1)));
        await talk(sender, async () => neighbour.follower.texts[room].filter((text) => text.endsWith('slow one')).length >= 8);
        assert.equal(answered.length, 0);
        stream(slow).resume();
        await Promise.all(sends);
        await check(slow, sender);
    });
});

test('what waits for all together has a limit: whoever is slow then gets a resync long before its own', async () => {
    const megabyte = 1 << 20;
    let most = 0;

    await end();
    await begin({ queues_megabytes: 1, queue_bytes: 256 * megabyte, queue_messages: 1000000 });
    const [sender, near, ...slow] = await Promise.all([0, 1, 2, 3].map((i) => join(people[i])));
    slow.forEach((one) => stream(one).pause());
    await talk(sender, async () => {
        const { waiting_bytes: bytes = 0, resyncs = 0 } = await counters();
        most = Math.max(most, bytes);
        return resyncs >= slow.length;
    });
    assert(most < 2 * megabyte, `${most} bytes waited`);
    slow.forEach((one) => stream(one).resume());
    for (const one of slow) await check(one, sender);
    await check(near, sender);
    assert.deepEqual(slow.map(({ follower }) => follower.reasons), [['slow'], ['slow']]);
    assert.deepEqual(near.follower.reasons, []);
    assert.equal((await counters()).socket_overflows, 0);
    await until('nothing waits any more', async () => (await counters()).waiting_bytes < 100000);
});
