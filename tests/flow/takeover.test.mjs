// Standbys: the one that holds partitions is stopped, another one takes over; it wakes up and does no harm.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { patience, Pipeline, until } from '../lib/pipeline.mjs';
import { call, conversation, log } from '../lib/rest.mjs';
import { mongodb } from '../lib/stores.mjs';

// A busy machine may be slow once: tests/fault/recovery.mjs measures each time.
const TAKEOVER_MS = 3000;

/** Alice's socket and a conversation with Bob: talk.send(), talk.log(). */
async function talk(pipeline) {
    const [url] = pipeline.urls;
    const [alice, bob] = await pipeline.users(2);
    const { id } = await conversation(url, alice.token, [bob.id]);
    const socket = io(url, { auth: { token: alice.token }, forceNew: true });
    await until('connected', () => socket.connected);
    let n = 0;
    return {
        socket,
        accepted: [],
        async send() {
            const clientId = `n${++n}`;
            const answer = await socket.timeout(20000 * patience).emitWithAck('message:send', { conversationId: id, clientId, text: clientId });
            assert.equal(answer.ok, true, JSON.stringify(answer));
            this.accepted.push(answer.message.seq);
            return answer.message;
        },
        log: () => log(url, bob.token, id),
        healthy: async () => (await call(url, 'GET', '/health')).status === 200,
    };
}

/** Every accepted message stands where it was said to stand, once, and nothing is missing in between. */
async function check(talk) {
    const events = await talk.log();
    assert.deepEqual(events.map((event) => event.seq), events.map((_, i) => i + 1));
    for (const seq of talk.accepted) assert.ok(events[seq - 1].message, `event ${seq} is no message`);
    assert.equal(new Set(talk.accepted).size, talk.accepted.length);
    return events;
}

const holder = async (pipeline, names) => {
    const all = await pipeline.status();
    return names.find((name) => all[name]?.ready && !/^standby/.test(all[name].health));
};

describe('routers', () => {
    const names = ['router.1', 'router.2'];
    let pipeline, chat;
    before(async () => {
        pipeline = await new Pipeline({ routers: 2 }).start();
        chat = await talk(pipeline);
    });
    after(async () => {
        chat?.socket.close();
        await pipeline?.stop();
    });

    test('one holds, the other stands by, and both are ready', async () => {
        await chat.send();
        const all = await until('one of them stands by', async () => {
            const status = await pipeline.status();
            return names.some((name) => /^standby/.test(status[name].health)) && status;
        });
        assert.ok(names.every((name) => all[name].ready));
        assert.equal(names.filter((name) => all[name].health === '').length, 1);
        assert.equal((await pipeline.parley(['status'])).code, 0);
        await until('the instance is healthy', chat.healthy);
    });

    test('a standby accepts within three seconds what the stopped one did not, which then changes nothing', async () => {
        const times = [];
        for (let round = 0; round < 2; round++) {
            const stopped = await until('one holds the partitions', () => holder(pipeline, names));
            const { pid } = (await pipeline.status())[stopped];
            process.kill(pid, 'SIGSTOP');
            const begun = Date.now();
            await Promise.all([1, 2, 3].map(() => chat.send()));
            times.push(Date.now() - begun);
            for (let i = 0; i < 5; i++) await chat.send();
            const before = await check(chat);
            await until('the instance is healthy', chat.healthy);
            process.kill(pid, 'SIGCONT');
            await until('the one that woke up stands by', async () => {
                const one = (await pipeline.status())[stopped];
                return one.pid === pid && one.ready && one.counters.fenced > 0 && /^standby/.test(one.health);
            });
            assert.deepEqual(await chat.log(), before);
            await chat.send();
        }
        assert.ok(Math.min(...times) < TAKEOVER_MS * patience, `took ${times} ms`);
        await check(chat);
    });

    test('both may die at once', async () => {
        await chat.send();
        await Promise.all(names.map((name) => pipeline.signal(name)));
        await chat.send();
        await check(chat);
    });
});

describe('routers with a lease of ten minutes', () => {
    const names = ['router.1', 'router.2'];
    let pipeline, chat;
    before(async () => {
        pipeline = await new Pipeline({ routers: 2, config: { bus: { lease_ms: 600000 } } }).start();
        chat = await talk(pipeline);
    });
    after(async () => {
        chat?.socket.close();
        await pipeline?.stop();
    });

    test('one that is killed and started again has its partitions back at once', async () => {
        await chat.send();
        const killed = await until('one holds the partitions', () => holder(pipeline, names));
        const pid = await pipeline.pid(killed);
        await pipeline.signal(killed);
        await chat.send();
        await until('the same one holds them again', async () => (await holder(pipeline, names)) === killed);
        assert.notEqual(await pipeline.pid(killed), pid);
        await check(chat);
    });
});

describe('persist workers on MongoDB', () => {
    const names = ['persist.1', 'persist.2', 'persist.3'];
    let pipeline, chat, store;
    before(async () => {
        store = await mongodb();
        if (store.skip) return;
        pipeline = await new Pipeline({ store, workers: 2, standbys: 1 }).start();
        chat = await talk(pipeline);
    });
    after(async () => {
        chat?.socket.close();
        await pipeline?.stop();
        await store?.stop?.();
    });
    const check_ = (name, fn) => test(name, async (t) => (store.skip ? t.skip(store.skip) : fn(t)));
    const standby = async () => {
        const all = await pipeline.status();
        return names.find((name) => all[name]?.ready && /^standby/.test(all[name].health));
    };

    check_('the one without partitions of its own stands by', async () => {
        await chat.send();
        assert.equal(await until('one stands by', standby), 'persist.3');
        assert.equal((await pipeline.parley(['status'])).code, 0);
    });

    check_('it takes over from one that is stopped, which then starts anew and stands by', async () => {
        const times = [];
        for (let round = 0; round < 3; round++) {
            const free = await until('one stands by', standby);
            const stopped = names.filter((name) => name !== free)[round % 2];
            const { pid } = (await pipeline.status())[stopped];
            process.kill(pid, 'SIGSTOP');
            const begun = Date.now();
            await chat.send();
            times.push(Date.now() - begun);
            for (let i = 0; i < 5; i++) await chat.send();
            await until('the standby serves', async () => {
                const one = (await pipeline.status())[free];
                return one?.ready && !/^standby/.test(one.health);
            });
            const before = await check(chat);
            await until('the instance is healthy', chat.healthy);
            process.kill(pid, 'SIGCONT');
            await until('the one that woke up has started anew and stands by', async () => {
                const one = (await pipeline.status())[stopped];
                return one?.ready && one.pid !== pid && /^standby/.test(one.health);
            });
            assert.deepEqual(await chat.log(), before);
            await chat.send();
        }
        assert.ok(Math.min(...times) < TAKEOVER_MS * patience, `took ${times} ms`);
        await check(chat);
    });

    check_('all of them may die at once', async () => {
        await chat.send();
        await Promise.all(names.map((name) => pipeline.signal(name)));
        await chat.send();
        await check(chat);
        await until('one stands by', standby);
    });
});
