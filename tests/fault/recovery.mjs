// node tests/fault/recovery.mjs [--kills=20] [--mongodb] [SHOW…]
//
// How long it takes from the moment a daemon is killed (-9), or stopped while another one stands by, until a message that was
// sent at that moment is acknowledged; and until the daemon is ready again. Shows: edge, router, persist, notify, scan (killed),
// router-stopped, persist-stopped (MongoDB, --mongodb). A client comes back 50 ms after its edge has gone. Ends with 1 when one
// took longer than it may: 1 s for what is started again, 3 s for what a standby takes over.
import { setTimeout as pause } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { patience, Pipeline, until } from '../lib/pipeline.mjs';
import { conversation } from '../lib/rest.mjs';
import { mongodb } from '../lib/stores.mjs';

const KILLED_MS = 1000;
const STOPPED_MS = 3000;
const SETTLED_MS = 1500; // how long a daemon has lived when it is killed again: a supervisor waits before it starts one that dies at once
const RECONNECT = { reconnectionDelay: 50, reconnectionDelayMax: 50, randomizationFactor: 0 };

const flags = process.argv.slice(2).filter((word) => word.startsWith('--'));
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const kills = Number(flags.find((flag) => flag.startsWith('--kills='))?.slice(8) ?? 20);
const onMongodb = flags.includes('--mongodb');
const unknown = flags.filter((flag) => flag !== '--mongodb' && !/^--kills=[1-9]\d*$/.test(flag));
if (unknown.length) throw new Error(`unknown: ${unknown.join(' ')}`);

/** One person who talks to another over a socket. */
class Talk {
    static async start(pipeline) {
        const self = new Talk();
        const [url] = pipeline.urls;
        const [alice, bob] = await pipeline.users(2);
        self.id = (await conversation(url, alice.token, [bob.id])).id;
        self.sent = 0;
        self.socket = io(url, { auth: { token: alice.token }, forceNew: true, transports: ['websocket'], ...RECONNECT });
        await until('connected', () => self.socket.connected);
        return self;
    }

    /** Sends one message, again after each reconnect and each refusal, until it is acknowledged: the milliseconds that took. */
    send() {
        const begun = performance.now();
        const message = { conversationId: this.id, clientId: `m${++this.sent}`, text: 'hello' };
        return new Promise((resolve, reject) => {
            const late = setTimeout(() => reject(new Error('not acknowledged within a minute')), 60000 * patience);
            const emit = () => this.socket.emit('message:send', message, (answer) => {
                if (!answer.ok) return setTimeout(emit, 20);
                clearTimeout(late);
                this.socket.off('connect', emit);
                return resolve(performance.now() - begun);
            });
            this.socket.on('connect', emit);
            if (this.socket.connected) emit();
        });
    }
}

/** The log since line `from`, when the time was over what it may be. */
function explain(pipeline, from, what, took, most) {
    if (took < most) return;
    console.error(`${what} took ${ms(took)}:\n${pipeline.log.slice(from).map((line) => `    ${line}`).join('\n')}`);
}

const ms = (value) => `${Math.round(value)} ms`.padStart(8);

function summary(times) {
    const sorted = times.toSorted((a, b) => a - b);
    return { median: sorted[Math.floor(sorted.length / 2)], worst: sorted.at(-1) };
}

const results = [];
function report(what, times, most, ready) {
    const { median, worst } = summary(times);
    const good = worst < most;
    const again = ready ? `   ready again ${ms(summary(ready).median)} ${ms(summary(ready).worst)}` : '';
    console.log(`${what.padEnd(28)} ${String(times.length).padStart(3)} ×  median ${ms(median)}  worst ${ms(worst)}  ${good ? 'good' : `OVER ${most} ms`}${again}`);
    results.push(good);
}

async function killed(pipeline, talk, name) {
    const times = [], ready = [];
    for (let i = 0; i < kills; i++) {
        const pid = await pipeline.pid(name);
        await talk.send();
        const lines = pipeline.log.length;
        const begun = performance.now();
        process.kill(pid, 'SIGKILL');
        times.push(await talk.send());
        explain(pipeline, lines, `${name} killed`, times.at(-1), KILLED_MS);
        await until(`${name} is ready again`, () => pipeline.log.slice(lines).some((line) => line.includes(`${name} is ready again`)));
        ready.push(performance.now() - begun);
        await pause(SETTLED_MS);
    }
    report(`${name} killed`, times, KILLED_MS, ready);
}

/** Stops whoever of the names is at work; find(status): its name, and standsBy(status of one). */
async function stopped(pipeline, talk, names) {
    const isStandby = (one) => one?.ready && /^standby/.test(one.health);
    const times = [];
    for (let i = 0; i < kills; i++) {
        const all = await until('one stands by', async () => {
            const status = await pipeline.status();
            return names.every((name) => status[name]?.ready) && names.some((name) => isStandby(status[name])) && status;
        }, 30000);
        const name = names.filter((one) => !isStandby(all[one]))[i % (names.length - 1)];
        await talk.send();
        const lines = pipeline.log.length;
        process.kill(all[name].pid, 'SIGSTOP');
        times.push(await talk.send());
        explain(pipeline, lines, `${name} stopped`, times.at(-1), STOPPED_MS);
        process.kill(all[name].pid, 'SIGCONT');
        await pause(SETTLED_MS);
    }
    report(`${names[0].split('.')[0]} stopped, another stands by`, times, STOPPED_MS);
}

const shows = onMongodb
    ? ['edge', 'router', 'persist', 'router-stopped', 'persist-stopped']
    : ['edge', 'router', 'persist', 'notify', 'scan', 'router-stopped'];
const chosen = words.length ? words : shows;
const wrong = chosen.filter((show) => !shows.includes(show));
if (wrong.length) throw new Error(`no such show here: ${wrong.join(' ')}; there are ${shows.join(' ')}`);

const store = onMongodb ? await mongodb() : { kind: 'sqlite' };
if (store.skip) throw new Error(store.skip);

/** Runs fn with daemons of its own. */
async function withPipeline(options, fn) {
    const pipeline = await new Pipeline({ store, ...options }).start();
    const talk = await Talk.start(pipeline);
    try {
        await fn(pipeline, talk);
    } finally {
        talk.socket.close();
        await pipeline.stop();
    }
}

try {
    const plain = chosen.filter((show) => !show.includes('-'));
    if (plain.length)
        await withPipeline({}, async (pipeline, talk) => {
            for (const name of plain) await killed(pipeline, talk, name);
        });
    if (chosen.includes('router-stopped'))
        await withPipeline({ routers: 2 }, (pipeline, talk) => stopped(pipeline, talk, ['router.1', 'router.2']));
    if (chosen.includes('persist-stopped'))
        await withPipeline({ workers: 2, standbys: 1 }, (pipeline, talk) => stopped(pipeline, talk, ['persist.1', 'persist.2', 'persist.3']));
} finally {
    await store.stop?.();
}
process.exitCode = results.every(Boolean) ? 0 : 1;
