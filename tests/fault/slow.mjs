#!/usr/bin/env node
// node tests/fault/slow.mjs [--seconds N] [--messages N] [--bytes N] [--rooms N] [--store sqlite|mongodb]
//
// Two readers stop reading while messages are sent into their conversations on the real daemons (those in PARLEY_BIN):
// one goes on answering pings, so that its connection lasts and it gets a `resync`; the other does nothing, so that the
// heartbeat ends it and it comes back by itself. Afterwards both must have every message in order, and the neighbour who
// read all along too. Prints what it measured; exit 1 unless all of it held.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { io } from 'socket.io-client';
import { Follower } from '../lib/follower.mjs';
import { patience, Pipeline, until } from '../lib/pipeline.mjs';
import { conversation } from '../lib/rest.mjs';
import { Socket } from '../lib/sio.mjs';
import { mongodb } from '../lib/stores.mjs';

const IN_FLIGHT = 128;
const WATCHED = ['edge', 'router', 'persist'];

/** A reader by hand: it can stop and still answer pings. */
class Reader {
    static async join(url, token, rooms) {
        const self = new Reader();

        self.follower = new Follower();
        rooms.forEach((id) => self.follower.watch(id));
        self.socket = await Socket.open(url.replace('http', 'ws'), '/socket.io/');
        self.socket.ws.on('message', (data) => self.take(String(data)));
        self.socket.send(`40${JSON.stringify({ token })}`);
        self.sync();
        await until('the reader is in', () => self.follower.state === 'live');
        return self;
    }

    take(packet) {
        this.socket.arrived.length = 0;
        if (packet === '2') this.socket.send('3');
        else if (packet.startsWith('42["event"')) this.follower.event(JSON.parse(packet.slice(2))[1]);
        else if (packet.startsWith('42["resync"')) { this.follower.resync(JSON.parse(packet.slice(2))[1]); this.sync(); }
        else if (packet.startsWith('43') && this.follower.answer(JSON.parse(packet.slice(packet.indexOf('[')))[0])) this.sync();
    }

    sync() {
        this.socket.send(`421["sync",${JSON.stringify({ cursors: this.follower.cursors })}]`);
    }

    stop() {
        this.socket.ws.pause();
        this.pongs = setInterval(() => this.socket.send('3'), 1000);
    }

    goOn() {
        clearInterval(this.pongs);
        this.socket.ws.resume();
    }

    leave() {
        clearInterval(this.pongs);
        this.socket.end();
    }
}

async function join(url, token, rooms) {
    const socket = io(url, { auth: { token }, forceNew: true, transports: ['websocket'], reconnectionDelay: 100, reconnectionDelayMax: 500 });
    const follower = new Follower();

    rooms.forEach((id) => follower.watch(id));
    follower.attach(socket);
    await until('it is in', () => follower.state === 'live');
    return { socket, follower };
}

/**
 * Sends messages number `first` and so on, evenly over the seconds and for longer if it cannot go so fast. Each room has
 * one sender, so that its messages are in the order of their numbers.
 */
async function talk({ senders, rooms, first, count, seconds, bytes }) {
    const begun = performance.now(), delays = [], inFlight = new Set();
    const filler = 'x'.repeat(bytes);

    for (let i = 0; i < count; i++) {
        const n = first + i;
        const early = begun + (i * seconds * 1000) / count - performance.now();
        if (early > 2) await pause(early);
        while (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
        const at = performance.now();
        const message = { conversationId: rooms[n % rooms.length], clientId: `m${n}`, text: `${n} ${filler}`.slice(0, bytes) };
        const one = senders[n % rooms.length].timeout(30000 * patience).emitWithAck('message:send', message).then((answer) => {
            if (!answer.ok) throw new Error(JSON.stringify(answer.error));
            delays.push(performance.now() - at);
            inFlight.delete(one);
        });
        inFlight.add(one);
    }
    await Promise.all(inFlight);
    return delays;
}

/** Whether a follower has exactly what was sent, in order. */
function judge(name, { follower }, rooms, sent) {
    const problems = follower.problems.map((problem) => `${name}: ${problem}`);

    rooms.forEach((id, at) => {
        const numbers = follower.texts[id].map((text) => Number.parseInt(text, 10));
        const due = Array.from({ length: Math.ceil((sent - at) / rooms.length) }, (_, i) => at + i * rooms.length);
        if (String(numbers) !== String(due)) problems.push(`${name}: room ${at} has ${numbers.length} messages, not the ${due.length} that were sent, or not in order`);
    });
    return problems;
}

/** Samples the daemons' memory each second until stop(): MiB by name. */
async function watchMemory(pipeline) {
    const status = await pipeline.status();
    const rss = Object.fromEntries(WATCHED.map((name) => [name, []]));
    const sample = async () => {
        for (const name of WATCHED) {
            const text = await readFile(`/proc/${status[name].pid}/status`, 'utf8').catch(() => '');
            rss[name].push(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024);
        }
    };
    await sample();
    const timer = setInterval(sample, 1000);
    return { rss, stop: async () => { clearInterval(timer); await sample(); } };
}

async function people(pipeline, roomCount) {
    const [url] = pipeline.urls;
    const [slow, dead, near, ...talkers] = await pipeline.users(roomCount + 3);
    const rooms = await Promise.all(talkers.map(async ({ token }) => (await conversation(url, token, [slow, dead, near].map(({ id }) => id))).id));
    const senders = await Promise.all(talkers.map(({ token }, i) => join(url, token, [rooms[i]])));
    return { rooms, senders: senders.map(({ socket }) => socket), near: await join(url, near.token, rooms), dead: await join(url, dead.token, rooms), slow: await Reader.join(url, slow.token, rooms) };
}

/** {skip} or {problems, rss, counts}. config: more of parley.cfg. */
export async function slowRun({ seconds = 60, messages = 100000, bytes = 200, rooms: roomCount = 10, store: kind = 'sqlite', config = {} }) {
    const store = kind === 'mongodb' ? await mongodb() : { kind };
    if (store.skip) return store;
    const pipeline = new Pipeline({ store, config });
    let all, memory;
    try {
        await pipeline.start();
        all = await people(pipeline, roomCount);
        const { rooms, senders, near, dead, slow } = all;
        const level = (...ones) => ones.every((one) => one.follower.state === 'live' && rooms.every((id) => one.follower.cursors[id] === near.follower.cursors[id]));
        const warmUp = Math.ceil(messages / 20);
        const usual = await talk({ senders, rooms, bytes, first: 0, count: warmUp, seconds: seconds / 20 });
        await until('all have these', () => level(slow, dead));
        memory = await watchMemory(pipeline);

        const stopped = Date.now();
        slow.stop();
        dead.socket.io.engine.transport.ws.pause();
        const meanwhile = await talk({ senders, rooms, bytes, first: warmUp, count: messages, seconds });
        const talked = (Date.now() - stopped) / 1000;
        await pause(Math.max(0, stopped + seconds * 1000 - Date.now()));
        const stoppedFor = (Date.now() - stopped) / 1000;
        const counters = (await pipeline.status()).edge.counters;
        slow.goOn();
        dead.socket.io.engine?.transport?.ws?.resume();
        const back = Date.now();
        const seen = () => rooms.every((id) => near.follower.texts[id].length >= Math.floor((warmUp + messages) / roomCount));
        await until('both have all there is', () => seen() && level(slow, dead), 120000);
        const caughtUp = (Date.now() - back) / 1000;
        await memory.stop();

        const problems = Object.entries({ slow, dead, near }).flatMap(([name, one]) => judge(name, one, rooms, warmUp + messages));
        if (slow.follower.counts.resyncs !== 1) problems.push(`slow: ${slow.follower.counts.resyncs} resyncs`);
        if (near.follower.counts.resyncs || near.follower.counts.connects > 1) problems.push('near: it was disturbed');
        return { problems, rss: memory.rss, counts: { messages: warmUp + messages, seconds: talked, stoppedFor, caughtUp, usual, meanwhile, counters, slow: slow.follower.counts, dead: dead.follower.counts } };
    } finally {
        await memory?.stop();
        all?.slow.leave();
        for (const socket of all ? [...all.senders, all.near.socket, all.dead.socket] : []) socket.close();
        await pipeline.stop();
        await store.stop?.();
    }
}

const at = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const row = (name, ...cells) => console.log(name.padEnd(28) + cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(1) : cell).padStart(10)).join(''));

function print({ rss, counts }) {
    const { counters, slow, dead } = counts;

    console.log(`${counts.messages} messages in ${counts.seconds.toFixed(1)} s; two readers stopped for ${counts.stoppedFor.toFixed(1)} s; both had everything ${counts.caughtUp.toFixed(1)} s after`);
    row('resident MiB', 'first', 'p50', 'max', 'last');
    for (const [name, values] of Object.entries(rss)) row(name, values[0], at(values, 0.5), at(values, 1), values.at(-1));
    row('ack, ms', 'p50', 'p99', 'max');
    row('before', at(counts.usual, 0.5), at(counts.usual, 0.99), at(counts.usual, 1));
    row('while they were stopped', at(counts.meanwhile, 0.5), at(counts.meanwhile, 0.99), at(counts.meanwhile, 1));
    console.log(`edge: ${counters.resyncs} resyncs, ${counters.events_dropped} events dropped, ${counters.events_withheld} withheld, ${counters.socket_overflows} closed for being slow, ${counters.socket_timeouts} by the heartbeat`);
    console.log(`slow: ${slow.resyncs} resync, ${slow.live} events live, ${slow.synced} by ${slow.syncs} syncs; dead: ${dead.connects} connections, ${dead.resyncs} resyncs, ${dead.live} live, ${dead.synced} by ${dead.syncs} syncs`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const number = { type: 'string' };
    const { values } = parseArgs({ options: { store: { type: 'string', default: 'sqlite' }, seconds: number, messages: number, bytes: number, rooms: number } });
    const result = await slowRun(Object.fromEntries(Object.entries(values).map(([key, value]) => [key, key === 'store' ? value : Number(value)])));
    if (result.skip) console.log(`skipped: ${result.skip}`);
    else {
        print(result);
        result.problems.slice(0, 50).forEach((problem) => console.log(`PROBLEM ${problem}`));
        console.log(`${result.problems.length} problems`);
    }
    process.exitCode = result.problems?.length ? 1 : 0;
}
