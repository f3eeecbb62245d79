#!/usr/bin/env node
// node tests/fault/storm.mjs [--clients N] [--rooms N] [--seats N] [--rate N] [--seconds N] [--runs N] [--debug]
//
// On the daemons in PARLEY_BIN (build/release/bin, say) an edge dies with thousands of clients. They come back to the
// other one with socket.io-client's back-off, CONNECT and sync with cursors (parley-storm, tests/bench/storm.c, from the
// same folder), while senders on that other edge go on at a steady rate. Prints how long it takes until all are back and
// have everything, and the senders' latency before and meanwhile. Exit 1 when a goal is missed: all back within 15 s, p99
// at most 5 times that of before, nothing missed. --debug adds CPU per process and what the edge counted meanwhile.
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bin, Pipeline, until } from '../lib/pipeline.mjs';
import { conversation } from '../lib/rest.mjs';

export const goals = { backMs: 15000, ratio: 5 };
const program = path.join(bin, 'parley-storm');

/** A parley-storm, its lines as they come; end() closes its input and waits. */
class Storm {
    constructor(args, quiet) {
        this.lines = [];
        this.child = spawn(program, args.map(String), { stdio: ['pipe', 'pipe', quiet ? 'ignore' : 'inherit'] });
        this.exited = new Promise((resolve) => this.child.on('exit', (code) => { this.code = code ?? 1; resolve(); }));
        createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(line));
    }

    line(what, test, ms) {
        return until(what, () => {
            const found = this.lines.find(test);
            if (!found && this.code !== undefined) throw new Error(`parley-storm ended with ${this.code}: ${what}`);
            return found;
        }, ms);
    }

    async end() {
        this.child.stdin.end();
        await this.exited;
    }
}

const percentile = (sorted, share) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : 0);

/** p50, p99 and the longest, in ms, of the acknowledgements that came in these ms. */
function latency(lines, from, to) {
    const all = lines.map((line) => line.split(' ').map(Number)).filter(([at]) => at >= from && at < to).map(([, us]) => us / 1000).sort((a, b) => a - b);
    return { acks: all.length, p50: percentile(all, 0.5), p99: percentile(all, 0.99), most: all.at(-1) ?? 0 };
}

const monotonic = () => Number(process.hrtime.bigint() / 1000000n);

/** Rooms with one sender each, `seats` rooms for each client: files for parley-storm. */
async function assemble(pipeline, { clients, rooms, seats }) {
    const users = await pipeline.users(clients, 'client');
    const senders = await pipeline.users(rooms, 'sender');
    const members = senders.map(() => []);
    users.forEach((user, i) => {
        user.rooms = Array.from({ length: seats }, (_, k) => (i + k * Math.ceil(rooms / seats)) % rooms);
        user.rooms.forEach((room) => members[room].push(user.id));
    });
    const ids = [];
    for (const [i, sender] of senders.entries())
        ids.push((await conversation(pipeline.urls[1], sender.token, members[i], { title: `room ${i}`, clientId: `room-${i}` })).id);
    const file = async (name, lines) => {
        await writeFile(path.join(pipeline.dir, name), lines.join('\n') + '\n');
        return path.join(pipeline.dir, name);
    };
    const line = (user, its) => `${user.username} ${user.id} ${user.token} ${its.join(' ')}`;
    return {
        rooms: await file('rooms', ids),
        clients: await file('clients', users.map((user) => line(user, user.rooms))),
        senders: await file('senders', senders.map((user, i) => line(user, [i]))),
    };
}

/** CPU seconds of every process until now. */
async function cpu(pids) {
    const seconds = async (pid) => {
        const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
        return (Number(stat[11]) + Number(stat[12])) / 100;
    };
    return Object.fromEntries(await Promise.all(Object.entries(pids).map(async ([name, pid]) => [name, await seconds(pid)])));
}

/** edge.1, which nobody starts again. */
async function startEdge(pipeline) {
    const child = spawn(path.join(bin, 'parley-edge'), ['-c', pipeline.config, '-n', 'edge.1'], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk) => pipeline.log.push(...String(chunk).split('\n').filter(Boolean)));
    await until('edge.1 is well', () => fetch(`${pipeline.urls[0]}/health`).then((answer) => answer.ok, () => false));
    return child;
}

/** One storm: what it came to. */
export async function stormRun({ clients = 5000, rooms = 200, seats = 3, rate = 200, seconds = 10, quiet = false, edge = {} } = {}) {
    const pipeline = new Pipeline({ edges: 2, config: { edge, up: { daemons: 'persist router notify scan edge.2' } } });
    let dying, crowd, senders;
    try {
        await pipeline.start();
        dying = await startEdge(pipeline);
        const files = await assemble(pipeline, { clients, rooms, seats });
        crowd = new Storm(['crowd', '127.0.0.1', ...pipeline.ports, files.clients, files.rooms], quiet);
        await crowd.line('all are connected', (line) => line === 'ready', 120000);
        senders = new Storm(['send', '127.0.0.1', pipeline.ports[1], files.senders, files.rooms, rate], quiet);
        await senders.line('the senders are connected', (line) => line === 'ready', 30000);
        await pause(2000);
        const pids = { crowd: crowd.child.pid, senders: senders.child.pid };
        for (const [name, { pid: daemon }] of Object.entries(await pipeline.status())) if (daemon && name !== 'edge.1') pids[name] = daemon;
        const spent = [await cpu(pids)];
        const counted = (await pipeline.status())['edge.2'].counters;
        const calm = monotonic();
        await pause(seconds * 1000);
        const killed = monotonic();
        spent.push(await cpu(pids));
        dying.kill('SIGKILL');
        const back = JSON.parse(await crowd.line('all are back', (line) => line.startsWith('{"lost_at_ms"'), 120000));
        spent.push(await cpu(pids));
        const use = (at, ms) => Object.fromEntries(Object.keys(pids).map((name) => [name, Math.round(((spent[at + 1][name] - spent[at][name]) / ms) * 100000)]));
        const counters = Object.entries((await pipeline.status())['edge.2'].counters).map(([name, value]) => [name, value - counted[name]]).filter(([, value]) => value !== 0);
        await pause(1000);
        await senders.end();
        await crowd.end();
        const end = JSON.parse(crowd.lines.at(-1));
        const before = latency(senders.lines, calm, killed);
        const during = latency(senders.lines, killed, killed + back.back_ms);
        const profile = Array.from({ length: Math.ceil(back.back_ms / 500) }, (_, i) => Math.round(latency(senders.lines, killed + i * 500, killed + (i + 1) * 500).p99));
        return { ...back, ...end, before, during, profile, ratio: during.p99 / before.p99, cpu: { before: use(0, killed - calm), during: use(1, back.back_ms) }, edge: Object.fromEntries(counters) };
    } finally {
        dying?.kill('SIGKILL');
        crowd?.child.kill('SIGKILL');
        senders?.child.kill('SIGKILL');
        await pipeline.stop();
    }
}

const round = (ms) => ms.toFixed(1);

async function main() {
    const number = { type: 'string' };
    const { values } = parseArgs({ options: { clients: number, rooms: number, seats: number, rate: number, seconds: number, runs: { type: 'string', default: '1' }, debug: { type: 'boolean' } } });
    const { runs, debug, ...options } = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Number(value)]));
    let missed = 0;
    for (let i = 0; i < runs; i++) {
        const result = await stormRun(options);
        const bad = [
            result.back_ms > goals.backMs && `not back within ${goals.backMs} ms`,
            result.ratio > goals.ratio && `p99 is ${round(result.ratio)} times that of before`,
            (result.behind || result.holes) && 'somebody missed something',
        ].filter(Boolean);
        console.log(`back and synced: all within ${(result.back_ms / 1000).toFixed(2)} s (half ${(result.p50_ms / 1000).toFixed(2)}, nine of ten ${(result.p90_ms / 1000).toFixed(2)}); ` +
            `${result.refused} handshakes refused, ${result.dropped} connections dropped, ${result.behind} behind, ${result.holes} holes`);
        for (const [name, { acks, p50, p99, most }] of [['before', result.before], ['during', result.during]])
            console.log(`senders ${name}: ${acks} acknowledged, p50 ${round(p50)} ms, p99 ${round(p99)} ms, most ${round(most)} ms`);
        console.log(`ratio of p99: ${result.ratio.toFixed(2)}${bad.length ? `  MISSED: ${bad.join('; ')}` : ''}`);
        if (debug) console.log(`p99 in each half second, ms: ${result.profile.join(' ')}\nCPU, % of a core: ${JSON.stringify(result.cpu)}\n${JSON.stringify(result.edge)}`);
        missed += bad.length;
    }
    process.exitCode = missed ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
