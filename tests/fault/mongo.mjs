#!/usr/bin/env node
// node tests/fault/mongo.mjs [--rounds N] [--times N] [--faults NAME,…] [--seed N] [--people N] [--rooms N] [--messages N]
//
// People talk and come and go while the MongoDB server under the store fails in every way that the proxy knows
// (mongo_proxy.mjs), one fault after the other, each until new messages are acknowledged; the server itself is killed,
// too. Where $PARLEY_TEST_MONGODB_URI names a real replica set, its primary is stepped down instead. Afterwards every
// history is held against the store, and the members against the log. Prints how long it took until a message was
// acknowledged after each fault; exit 1 unless everything held. Each round has a database of its own and every fault so many
// times: the stand-in for MongoDB becomes slow with some thousand events.
import { MongoClient } from 'mongodb';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Crowd } from '../lib/crowd.mjs';
import { Pipeline, until } from '../lib/pipeline.mjs';
import { call, log, must } from '../lib/rest.mjs';
import { mongodb } from '../lib/stores.mjs';
import { MongoProxy } from './mongo_proxy.mjs';

/** name → what is done to {proxy, server, random}; it is over, and healed, when it returns. */
export const proxyFaults = {
    'steps down': ({ proxy }) => proxy.stepDown(),
    'without a primary': async ({ proxy, random }) => {
        const gapMs = 500 + 1500 * random();
        proxy.stepDown({ gapMs });
        await pause(gapMs);
    },
    moves: ({ proxy }) => proxy.moved(),
    'cut in mid-write': async ({ proxy, random }) => {
        const lost = proxy.counts.lost;
        proxy.cutMidWrite(1 + Math.floor(3 * random()));
        await until('a write was cut', () => proxy.counts.lost > lost);
    },
    'events cut in mid-write, late': async ({ proxy, random }) => {
        const lost = proxy.counts.lost;
        proxy.cutMidWrite(1 + Math.floor(2 * random()), { late: 500 * random(), collection: 'events' });
        await until('a late write was cut', () => proxy.counts.lost > lost);
    },
    'concerns fail': async ({ proxy, random }) => {
        const failed = proxy.counts.concernsFailed;
        proxy.failConcerns(1 + Math.floor(3 * random()));
        await until('a concern failed', () => proxy.counts.concernsFailed > failed);
    },
    cut: async ({ proxy, random }) => {
        proxy.cut();
        await pause(100 + 1900 * random());
    },
    'cut silently': async ({ proxy, random }) => {
        proxy.cut({ silent: true });
        await pause(500 + 8000 * random()); // the store gives up after 5 s, and the write that it gave up comes late
    },
    slow: async ({ proxy, random }) => {
        proxy.slow(10 + 90 * random());
        await pause(1500);
    },
};

const ownFaults = {
    'server killed': async ({ server }) => {
        await server.kill();
        await server.restart();
    },
};

const replicaSetFaults = {
    'steps down': async ({ uri }) => {
        const client = new MongoClient(uri);
        await client.db('admin').command({ replSetStepDown: 10, force: true }).catch((error) => {
            if (!/closed|interrupted|primary/i.test(error.message)) throw error;
        });
        await client.close();
    },
};

async function isReplicaSet(uri) {
    const client = new MongoClient(uri);
    const hello = await client.db('admin').command({ hello: 1 });
    await client.close();
    return hello.hosts?.length > 1;
}

/** {uri, proxy, faults}: what stands between Parley and the server. */
async function between(server) {
    if (await isReplicaSet(server.uri)) return { uri: server.uri, faults: replicaSetFaults };
    const proxy = await MongoProxy.start(server.uri, { members: 2 });
    return { uri: proxy.uri, proxy, faults: { ...proxyFaults, ...(process.env.PARLEY_TEST_MONGODB_URI ? {} : ownFaults) } };
}

/** Calls until it is done: what the service cannot do at the moment is asked again. */
async function again(url, method, path, options, ms) {
    await until(`${method} ${path}`, async () => {
        const answer = await call(url, method, path, options).catch(() => ({ status: 503 }));
        if (answer.status >= 300 && answer.status !== 503) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        return answer.status < 300;
    }, ms);
}

let probes = 0;

/** Until a message that is new now is acknowledged in each of some conversations: both workers have them. */
async function probe(crowd, name) {
    await Promise.all(Array.from({ length: 4 }, async () => {
        const { id: conversationId, members: [{ other: socket }] } = crowd.conversations[Math.floor(crowd.random() * crowd.conversations.length)];
        const clientId = `probe-${++probes}`;
        const message = { conversationId, clientId, text: `${clientId} after "${name}"` };
        await until(`an answer to ${message.text}`, async () => (await socket.timeout(5000).emitWithAck('message:send', message).catch(() => ({}))).ok, 60000);
    }));
}

/** Breaks one thing and heals it; gives how long it took until new messages were acknowledged. */
async function breakOnce(context, crowd, name) {
    await pause(100 + 400 * crowd.random());
    await context.faults[name]({ ...context, random: crowd.random });
    context.proxy?.heal();
    const started = Date.now();
    await probe(crowd, name);
    return Date.now() - started;
}

/** One visitor after the other comes into a conversation and leaves it, as long as goOn() says so. */
async function comeAndGo(pipeline, crowd, goOn, counts) {
    const visitors = await pipeline.users(4, 'visitor');
    while (goOn()) {
        const { id, members: [{ user: { token } }] } = crowd.conversations[Math.floor(crowd.random() * crowd.conversations.length)];
        const visitor = visitors[Math.floor(crowd.random() * visitors.length)];
        await again(pipeline.urls[0], 'POST', `/api/conversations/${id}/members`, { token, body: { userIds: [visitor.id] } }, 60000);
        if (crowd.random() < 0.8) await again(pipeline.urls[0], 'DELETE', `/api/conversations/${id}/members/${visitor.id}`, { token }, 60000);
        counts.visits++;
        await pause(100);
    }
}

/** The members that the log makes. */
function membersOf(events) {
    const members = new Set();
    for (const event of events) {
        if (event.kind === 'conversation.created') for (const { userId } of event.conversation.members) members.add(userId);
        if (event.kind === 'member.added') members.add(event.userId ?? event.member.userId);
        if (event.kind === 'member.removed') members.delete(event.userId ?? event.member.userId);
    }
    return [...members].sort();
}

async function wrongMembers(pipeline, crowd) {
    const problems = [];
    for (const { id, members: [{ user: { token } }] } of crowd.conversations) {
        const wanted = membersOf(await log(pipeline.urls[0], token, id));
        const { members } = await must(pipeline.urls[0], 'GET', `/api/conversations/${id}/members`, { token });
        const found = members.map(({ userId }) => userId).sort();
        if (JSON.stringify(found) !== JSON.stringify(wanted)) problems.push(`members of ${id}: ${found}, not ${wanted}`);
    }
    return problems;
}

/** One line per fault: how often, and how long until new messages were acknowledged. */
export function table(recovery) {
    return Object.entries(recovery).map(([name, times]) => {
        const sorted = [...times].sort((a, b) => a - b);
        return `${name.padEnd(32)} ${String(times.length).padStart(4)} times, median ${String(sorted[sorted.length >> 1]).padStart(5)} ms, worst ${String(sorted.at(-1)).padStart(5)} ms`;
    });
}

function add(sum, counts) {
    for (const [name, value] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + value;
}

/** A round on a database of its own: each fault `times` times. Adds to result. */
async function round(context, { faults: names, seed, people, rooms, messages, times, onFault }, result) {
    const pipeline = new Pipeline({ edges: 2, store: { kind: 'mongodb', uri: context.uri }, workers: 2 });
    const chosen = Object.keys(context.faults).filter((name) => !names || names.includes(name));
    let breaking = true;
    let crowd;
    const breakAll = async () => {
        for (let i = 0; i < times * chosen.length; i++) {
            const name = chosen[i % chosen.length];
            const ms = await breakOnce(context, crowd, name);
            (result.recovery[name] ??= []).push(ms);
            onFault?.(name, ms);
        }
    };
    try {
        await pipeline.start();
        crowd = new Crowd(pipeline, { people, rooms, messages, size: 4, window: 2, seed });
        await crowd.assemble();
        await Promise.all([
            breakAll().finally(() => { breaking = false; }),
            comeAndGo(pipeline, crowd, () => breaking, result.counts),
            crowd.talk(() => breaking),
        ]);
        await until('all daemons are well', () => pipeline.healthy(), 30000);
        result.problems.push(...await crowd.check(), ...await wrongMembers(pipeline, crowd));
        add(result.counts, crowd.counts);
    } catch (error) {
        error.message += `\n${pipeline.log.slice(-40).join('\n')}`;
        throw error;
    } finally {
        crowd?.leave();
        await pipeline.stop();
    }
}

/** {skip} or {problems, counts, recovery: {fault: [ms, …]}}. onFault(name, ms) is told of each. */
export async function mongoRun({ rounds = 1, faults, seed = 1, people = 8, rooms = 12, messages = 200, times = 1, onFault } = {}) {
    const server = await mongodb();
    const result = { problems: [], recovery: {}, counts: { visits: 0 } };
    let context;
    if (server.skip) return { skip: server.skip };
    try {
        context = { server, ...await between(server) };
        for (let i = 0; i < rounds; i++) await round(context, { faults, seed: seed + i, people, rooms, messages, times, onFault }, result);
        result.counts.proxy = context.proxy?.counts;
        return result;
    } finally {
        await context?.proxy?.stop();
        await server.stop?.();
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const text = { type: 'string' };
    const { values } = parseArgs({ options: { rounds: text, times: text, faults: text, seed: text, people: text, rooms: text, messages: text } });
    const { faults, ...numbers } = values;
    const options = Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, Number(value)]));
    const result = await mongoRun({ ...options, faults: faults?.split(','), onFault: (name, ms) => console.log(`${name}: ${ms} ms`) });
    if (result.skip) console.log(`skipped: ${result.skip}`);
    else {
        console.log(JSON.stringify(result.counts, null, 2));
        table(result.recovery).forEach((line) => console.log(line));
        result.problems.slice(0, 50).forEach((problem) => console.log(`PROBLEM ${problem}`));
        console.log(`${result.problems.length} problems`);
    }
    process.exitCode = result.problems?.length ? 1 : 0;
}
