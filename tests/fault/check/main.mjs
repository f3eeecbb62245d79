// The checker: see tests/fault/run --help. Runs rounds of a fresh database each; what is found ends with exit 1.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { bin, patience, Pipeline, until } from '../../lib/pipeline.mjs';
import { mongodb } from '../../lib/stores.mjs';
import { noHosts, TwoHosts } from '../hosts.mjs';
import { MongoProxy } from '../mongo_proxy.mjs';
import { carryOut, chosen, CLOCK_BYTES, faults } from './faults.mjs';
import { daemons, signal } from './processes.mjs';
import { add, assertions, crashes, lastLine, progress, table, takeovers } from './report.mjs';
import { plan } from './schedule.mjs';
import { World } from './world.mjs';

const PROGRESS_MS = 5000;
const ROUND_S = 300;
const FOUND_SHOWN = 40;
// The stand-in's queries scan.
const EVENTS_OF_A_MONGODB_ROUND = 4000;
const SMALL = { people: 8, rooms: 8 };

/** A MongoDB server behind a proxy that makes a replica set of it; a real one is left as it is. */
async function setUpMongo() {
    const server = await mongodb();
    if (server.skip) return { skip: server.skip };
    const given = process.env.PARLEY_TEST_MONGODB_URI; // not ours to kill
    if (given && /,|replicaSet=/.test(given)) return { store: server, context: { realSet: server.uri }, end: () => server.stop() };
    const proxy = await MongoProxy.start(server.uri);
    return { store: { ...server, uri: proxy.uri }, context: { server: given ? undefined : server, proxy }, end: () => proxy.stop().then(() => server.stop()) };
}

/** What is preloaded into the daemons, where the build has it: the disk that fails, the clock that jumps. */
async function setUpPreloads(kind) {
    const dir = await mkdtemp(path.join(tmpdir(), 'parley-preload-'));
    const has = (name) => existsSync(path.join(bin, name)) && path.join(bin, name);
    const disk = kind === 'sqlite' && has('libparley-vfs.so');
    const clock = has('libparley-clock.so') && path.join(dir, 'clock');
    if (clock) await writeFile(clock, Buffer.alloc(CLOCK_BYTES));
    Object.assign(process.env, {
        LD_PRELOAD: [disk, clock && has('libparley-clock.so')].filter(Boolean).join(':'),
        ...(disk ? { PARLEY_VFS_DIR: dir, PARLEY_VFS_POWER: '1' } : {}),
        ...(clock ? { PARLEY_CLOCK: clock } : {}),
    });
    return { context: { ...(disk ? { vfs: dir } : {}), ...(clock ? { clock } : {}) }, end: () => rm(dir, { recursive: true }) };
}

/** The store, what may be done to it, and what undoes it all. */
async function setUp({ store: kind }) {
    const base = kind === 'mongodb' ? await setUpMongo() : { store: { kind: 'sqlite' }, context: {}, end: async () => {} };
    if (base.skip) return base;
    const preloads = await setUpPreloads(kind);
    return { store: base.store, context: { ...base.context, ...preloads.context }, end: () => preloads.end().then(base.end) };
}

/** Everything is killed once more, so that the log is read as a start finds it. */
async function killAll(pipeline) {
    for (const pid of [pipeline.child, pipeline.there].flatMap((up) => Object.values(daemons(up?.pid)))) {
        signal(pid, 'SIGCONT');
        signal(pid, 'SIGKILL');
    }
    await until('all daemons are well', () => pipeline.healthy().catch(() => false), 60000);
}

/** Where the daemons' log was written to. */
async function keep(text) {
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'parley-fault-')), 'log');
    await writeFile(file, text);
    return file;
}

/** A run that is interrupted leaves the log and takes its daemons along. */
function endOnSignal(pipeline) {
    const end = async () => {
        console.error(`interrupted; the daemons' log: ${await keep(pipeline.log.join('\n'))}`);
        await pipeline.stop().catch(() => {});
        process.exit(130);
    };
    for (const name of ['SIGINT', 'SIGTERM']) process.removeAllListeners(name).once(name, end);
}

const zero = () => ({ kills: {}, stops: 0, takeovers: 0, crashes: 0, assertions: 0, faults: {}, rounds: 1 });

/** One database from its first event to the comparison: {findings, counts, log}. */
async function round(options, { store, context }, seconds, seed, say) {
    const mongo = store.kind === 'mongodb';
    const Kind = noHosts() ? Pipeline : TwoHosts;
    const pipeline = new Kind({ edges: options.edges, routers: 2, store, workers: mongo ? 2 : 1, standbys: mongo ? 1 : 0 });
    const counts = zero();
    let world;
    endOnSignal(pipeline);
    try {
        await pipeline.start();
        world = new World(pipeline, { people: options.people, rooms: options.rooms, seed });
        await world.assemble();
        const here = { ...context, pipeline, link: pipeline.link, world, counts, say: options.verbose ? say : undefined };
        const started = Date.now();
        const end = started + seconds * 1000;
        const stop = () => Date.now() > end || (mongo && world.counts.messages >= EVENTS_OF_A_MONGODB_ROUND);
        const names = chosen(options.faults, here);
        const timer = setInterval(() => say(progress((Date.now() - started) / 1000, { ...world.counts, ...counts }, 0)), PROGRESS_MS);
        try {
            await Promise.all([carryOut(plan({ names, table: faults, seconds, seed }), here, stop), world.talk(stop)]);
            await until('all daemons are well', () => pipeline.healthy().catch(() => false), 90000);
            await world.settled();
            await killAll(pipeline);
            counts.takeovers = takeovers(pipeline.log);
            counts.crashes = crashes(pipeline.log);
            counts.assertions = assertions(pipeline.log);
            const findings = await world.check();
            return { findings, counts: { ...world.counts, ...counts }, log: pipeline.log };
        } finally {
            clearInterval(timer);
        }
    } catch (error) {
        error.message += `\n${pipeline.log.slice(-30).join('\n')}`;
        throw error;
    } finally {
        world?.close();
        await pipeline.stop();
    }
}

/** {skip} or {findings, counts, seconds, logs}. */
export async function check(given, say = () => {}) {
    const options = { faults: 'all', seconds: 60, seed: 1, store: 'sqlite', edges: 2, people: 24, rooms: 24, ...(given.store === 'mongodb' ? SMALL : {}), ...given };
    const base = await setUp(options);
    if (base.skip) return base;
    const all = { findings: [], counts: {}, logs: [] };
    const started = Date.now();
    const left = () => options.seconds - (Date.now() - started) / 1000;
    try {
        for (let n = 0; n === 0 || left() > 10; n++) {
            const seconds = Math.min(options.seconds > ROUND_S * 1.5 ? ROUND_S : options.seconds, Math.max(10, left()));
            const one = await round(options, base, seconds, options.seed + n, say);
            add(all.counts, one.counts);
            all.findings.push(...one.findings);
            if (one.findings.length || one.counts.crashes) all.logs.push(...one.log);
            if (one.findings.length) say(`findings: ${lastLine(one.findings)}`);
        }
    } finally {
        await base.end();
    }
    return { ...all, seconds: (Date.now() - started) / 1000 };
}

/** What is wrong with a run of which nothing was found: a daemon that cannot stand it, or nothing was broken, or nobody had to ask again. */
export function trouble({ counts }, names) {
    if (counts.crashes) return `${counts.crashes} daemons died by themselves`;
    if (!counts.messages) return 'nothing was sent';
    if (names.length && !Object.keys(counts.faults).length) return 'no fault was injected';
    if (names.length && !counts.resends) return 'nothing had to be sent again: this run shows nothing';
    return undefined;
}

const number = { type: 'string' };
const known = {
    faults: { type: 'string', default: 'all' }, minutes: number, seconds: number, seed: number, store: { type: 'string', default: 'sqlite' },
    edges: number, people: number, rooms: number, sabotage: { type: 'string' }, plan: { type: 'boolean' }, verbose: { type: 'boolean' },
};

function readOptions() {
    const { values } = parseArgs({ options: known });
    const options = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, known[key] === number ? Number(value) : value]));
    if (options.minutes !== undefined) options.seconds = options.minutes * 60;
    options.seconds ??= 60;
    options.seed ??= Math.floor(Math.random() * 1e9);
    return options;
}

async function main() {
    const options = readOptions();
    const started = Date.now();
    const say = (text) => process.stderr.write(`${text}\n`);
    if (options.plan) return console.log(plan({ names: chosen(options.faults, { clock: true, link: !noHosts(), ...(options.store === 'mongodb' ? { proxy: true, server: true } : { vfs: true }) }), table: faults, ...options }).map((one) => `${one.at} ${one.name} ${one.ms}`).join('\n'));
    say(`seed ${options.seed}, ${options.seconds} s on ${options.store}, faults: ${options.faults}, programs: ${bin}`);
    const result = await check(options, say);
    if (result.skip) return console.log(`skipped: ${result.skip}`);
    console.log(table((Date.now() - started) / 1000, result.counts));
    for (const { kind, what } of result.findings.slice(0, FOUND_SHOWN)) console.log(`${kind.toUpperCase()} ${what}`);
    if (result.logs.length) {
        const file = await keep(`${result.findings.map(({ kind, what }) => `${kind} ${what}`).join('\n')}\n\n${result.logs.join('\n')}\n`);
        console.log(`${result.findings.length} findings with seed ${options.seed}; what was found and the daemons' log: ${file}`);
    }
    const wrong = trouble(result, options.faults.split(',').filter(Boolean));
    if (wrong) console.log(wrong);
    console.log(lastLine(result.findings));
    process.exitCode = result.findings.length || wrong ? 1 : 0;
    return undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
