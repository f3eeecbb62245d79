// The bench: starts a release pipeline, loads it by parley-load, prints the table. See tests/bench/run --help.
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bin, Pipeline, run } from '../lib/pipeline.mjs';
import { conversation, must } from '../lib/rest.mjs';
import { mongodb } from '../lib/stores.mjs';

const { values } = parseArgs({ options: { store: { type: 'string', default: 'sqlite' }, seconds: { type: 'string', default: '10' } } });
const seconds = Number(values.seconds);
const say = (text) => process.stderr.write(`${text}\n`);
const load = path.join(bin, 'parley-load');

/** CPU seconds and private memory of every daemon. */
async function measure(pipeline) {
    const out = {};
    for (const [name, { pid }] of Object.entries(await pipeline.status())) {
        const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
        const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
        const kb = (key) => Number(rollup.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))[1]);
        out[name] = { cpu: (Number(stat[11]) + Number(stat[12])) / 100, kb: kb('Private_Clean') + kb('Private_Dirty') };
    }
    return out;
}

async function loaded(pipeline, args) {
    const before = await measure(pipeline);
    const result = await run(load, args.map(String), { ms: 600000 });
    if (result.code !== 0) throw new Error(`parley-load ${args[0]}: ${result.stderr}`);
    const after = await measure(pipeline);
    const cpu = Object.fromEntries(Object.keys(after).map((name) => [name, after[name].cpu - before[name].cpu]));
    const figures = JSON.parse(result.stdout);
    if (figures.refused) say(`  ${figures.refused} refused: ${result.stderr.trim()}`);
    return { ...figures, daemons: cpu, total: Object.values(cpu).reduce((a, b) => a + b, 0) };
}

const rows = [];
const row = (work, figure, goal, note = '') => { rows.push([work, figure, goal, note]); say(`  ${work}: ${figure} ${note}`); };
const round = (value, digits = 0) => value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
const perDaemon = (figures, count) => Object.entries(figures.daemons).filter(([, cpu]) => cpu > 0.005).map(([name, cpu]) => `${name} ${round((cpu / count) * 1e6, 1)}`).join(', ');

const store = values.store === 'mongodb' ? await mongodb() : { kind: 'sqlite' };
if (store.skip) throw new Error(store.skip);
const pipeline = new Pipeline({ store, config: { edge: { host: '127.0.0.1', handshakes_rate: 1000000, handshakes_burst: 1000000, connects_rate: 1000000 } } });
try {
    await pipeline.start();
    const port = pipeline.ports[0];
    const at = ['127.0.0.1', port, seconds];
    const file = (name) => path.join(pipeline.dir, name);

    say('people and conversations …');
    const people = await pipeline.users(1000);
    await writeFile(file('tokens'), people.map((p) => `${p.username} ${p.id} ${p.token}\n`).join(''));
    const pairs = [];
    for (let i = 0; i < people.length; i += 2) pairs.push(`${(await conversation(pipeline.urls[0], people[i].token, [people[i + 1].id])).id} ${i} ${i + 1}`);
    await writeFile(file('pairs'), pairs.join('\n') + '\n');
    await writeFile(file('room-tokens'), people.map((p) => `${p.username} ${p.id} ${p.token}\n`).join(''));

    say('what the machine can do …');
    const limits = JSON.parse((await run(load, ['limits', pipeline.dir, '3'], { ms: 60000 })).stdout);

    say(`durable sends, ${seconds} s …`);
    await loaded(pipeline, ['send', '127.0.0.1', port, 2, file('tokens'), file('pairs'), 64, 0]); // warm
    const sends = await loaded(pipeline, ['send', ...at, file('tokens'), file('pairs'), 64, 0]);
    const rate = sends.acked / sends.seconds;
    row('durable sends acknowledged/s, 500 pairs, 64 in flight', round(rate), '> 35,000', `${round(rate / limits.syncs, 1)} × bare fsyncs; p50 ${round(sends.p50_us / 1000, 1)} ms, p99 ${round(sends.p99_us / 1000, 1)} ms`);
    row('CPU of all daemons per 1,000 sends, s', round((sends.total / sends.acked) * 1000, 4), '≤ 0.025', `µs each: ${perDaemon(sends, sends.acked)}; generator ${round((sends.cpu / sends.acked) * 1e6, 1)}`);

    say('latency at 1,000/s …');
    const paced = await loaded(pipeline, ['send', ...at, file('tokens'), file('pairs'), 0, 1000]);
    row('ack latency at 1,000/s, p50 / p99, ms', `${round(paced.p50_us / 1000, 2)} / ${round(paced.p99_us / 1000, 2)}`, '≤ 0.8 / 3', `${round(paced.acked / paced.seconds)} acknowledged/s`);

    say('a room of 1,000 …');
    const room = await conversation(pipeline.urls[0], people[0].token, people.slice(1, 1000).map((p) => p.id), { title: 'room' });
    const crowd = await loaded(pipeline, ['room', ...at, file('room-tokens'), room.id, 64]);
    const edgeCpu = Object.entries(crowd.daemons).filter(([name]) => name.startsWith('edge')).reduce((sum, [, cpu]) => sum + cpu, 0);
    row('deliveries/s into a 1,000-member room', round(crowd.delivered / crowd.seconds), '> 400,000 per edge core', `per edge core ${round(crowd.delivered / edgeCpu)}; ${round(crowd.delivered / crowd.seconds / limits.writes, 2)} × bare loopback writes; generator ${round((crowd.cpu / crowd.seconds) * 100)} % of a core`);

    say('logins by token …');
    const logins = await loaded(pipeline, ['login', ...at, file('tokens'), 64]);
    row('logins by token/s', round(logins.logins / logins.seconds), '> 8,000', `p99 ${round(logins.p99_us / 1000, 1)} ms; CPU µs each: ${perDaemon(logins, logins.logins)}`);

    say('idle connections …');
    const idlers = await pipeline.users(5000, 'idle');
    await writeFile(file('idle-tokens'), idlers.map((p) => `${p.username} ${p.id} ${p.token}\n`).join(''));
    const edge = (all) => Object.entries(all).filter(([name]) => name.startsWith('edge')).reduce((sum, [, one]) => sum + one.kb, 0);
    const empty = edge(await measure(pipeline));
    const idle = spawn(load, ['idle', '127.0.0.1', String(port), '600', file('idle-tokens')], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve, reject) => { idle.stdout.once('data', resolve); idle.once('exit', reject); });
    const full = edge(await measure(pipeline));
    idle.kill('SIGKILL');
    row('memory per idle connection, kB', round((full - empty) / idlers.length, 1), '≤ 4', '5,000 connections, private memory of the edge');
    await must(pipeline.urls[0], 'GET', '/health');

    const head = ['work', 'measured', 'goal', 'beside it'];
    console.log(`\nParley bench: ${values.store}, ${cpus().length} × ${cpus()[0].model.trim()}, Linux ${release()}, ${seconds} s a row`);
    console.log(`limits in this run: ${round(limits.syncs)} fsync'd appends/s, ${round(limits.writes)} loopback writes of 200 bytes/s\n`);
    for (const line of [head, head.map(() => '---'), ...rows]) console.log(`| ${line.join(' | ')} |`);
} finally {
    await pipeline.stop();
    await store.stop?.();
}
