// node tests/bench/pair.mjs [--work send|paced|room|login] [--rounds N] [--seconds N] BIN BIN…: one load on two or more
// builds (folders with the programs), in turns, so that what else the machine does meets them alike. Prints the median
// of each figure, CPU in microseconds per send, delivery or login, and its ratio to the first build's.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bin, Pipeline, run } from '../lib/pipeline.mjs';
import { conversation } from '../lib/rest.mjs';

const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { work: { type: 'string', default: 'send' }, rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '5' } },
});

const works = {
    send: { people: 400, count: 'acked', args: (at, f) => ['send', ...at, f('pairs'), '64', '0'] },
    paced: { people: 400, count: 'acked', args: (at, f) => ['send', ...at, f('pairs'), '0', '1000'] },
    room: { people: 1000, count: 'delivered', args: (at, f, room) => ['room', ...at, room, '64'] },
    login: { people: 400, count: 'logins', args: (at) => ['login', ...at, '64'] },
};

/** Nanoseconds of CPU that each daemon has had, all its threads. */
async function cpu(status) {
    const out = {};
    for (const [name, { pid }] of Object.entries(status)) {
        const threads = await readdir(`/proc/${pid}/task`);
        const all = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')));
        out[name] = all.reduce((sum, line) => sum + Number(line.split(' ')[0]), 0);
    }
    return out;
}

async function talkers(pipeline, work, file) {
    const people = await pipeline.users(work.people);
    const pairs = [];
    await writeFile(file('tokens'), people.map((p) => `${p.username} ${p.id} ${p.token}\n`).join(''));
    if (work === works.room) return (await conversation(pipeline.urls[0], people[0].token, people.slice(1).map((p) => p.id), { title: 'room' })).id;
    for (let i = 0; i < people.length; i += 2) pairs.push(`${(await conversation(pipeline.urls[0], people[i].token, [people[i + 1].id])).id} ${i} ${i + 1}\n`);
    await writeFile(file('pairs'), pairs.join(''));
    return undefined;
}

async function measureOnce(work) {
    const pipeline = new Pipeline({ config: { edge: { host: '127.0.0.1' } } });
    const file = (name) => path.join(pipeline.dir, name);
    try {
        await pipeline.start();
        const room = await talkers(pipeline, work, file);
        const load = async (seconds) => {
            const args = work.args(['127.0.0.1', String(pipeline.ports[0]), String(seconds), file('tokens')], file, room);
            const result = await run(path.join(bin, 'parley-load'), args, { ms: 600000 });
            if (result.code !== 0) throw new Error(`parley-load: ${result.stderr}`);
            return JSON.parse(result.stdout);
        };
        await load(1); // warm
        const status = await pipeline.status();
        const before = await cpu(status);
        const figures = await load(values.seconds);
        const after = await cpu(status);
        const count = figures[work.count];
        const daemons = Object.fromEntries(Object.keys(after).map((name) => [name, (after[name] - before[name]) / 1000 / count]));
        return { 'per second': count / figures.seconds, 'p50 ms': figures.p50_us / 1000, 'p99 ms': figures.p99_us / 1000, ...daemons, 'all daemons': Object.values(daemons).reduce((a, b) => a + b, 0) };
    } finally {
        await pipeline.stop();
    }
}

const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];

async function pair(builds) {
    const results = builds.map(() => []);
    for (let round = 0; round < Number(values.rounds); round++) {
        for (const [i, build] of builds.entries()) {
            process.env.PARLEY_BIN = path.resolve(build); // of the process that measures it
            const { code, stdout, stderr } = await run(process.execPath, [fileURLToPath(import.meta.url), '--work', values.work, '--seconds', values.seconds], { ms: 600000 });
            if (code !== 0) throw new Error(`${build}: ${stderr}`);
            results[i].push(JSON.parse(stdout));
        }
    }
    console.log(`| ${values.work} | ${builds.join(' | ')} | ratio |\n|${' --- |'.repeat(builds.length + 2)}`);
    for (const key of Object.keys(results[0][0])) {
        const medians = results.map((all) => median(all.map((one) => one[key])));
        console.log(`| ${key} | ${medians.map((m) => m.toFixed(2)).join(' | ')} | ${medians.slice(1).map((m) => (m / medians[0]).toFixed(2)).join(', ')} |`);
    }
}

if (!works[values.work]) throw new Error(`no such work: ${values.work}`);
if (positionals.length) await pair(positionals);
else console.log(JSON.stringify(await measureOnce(works[values.work])));
