// What can be broken, one row each: how long it lasts (seconds, least and most; none: it is over at once), on which
// stores, and how. inject(context, fault) breaks it and gives what heals it again; fault.pick, in [0, 1), chooses.
// context: {pipeline, world, counts, vfs, proxy, server, clock, link}; a row whose `needs` is not in the context is left out.
import { open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { daemons, signal } from './processes.mjs';

const CLOCKS = 5; // roles
export const CLOCK_BYTES = 8 * CLOCKS;
const STARTING_MS = 6000; // parley up waits so long at most before it starts something again

const roleOf = (name) => name.split('.')[0];
const running = ({ pipeline }) => ({ ...daemons(pipeline.child?.pid), ...daemons(pipeline.there?.pid) });

/** One of a role's daemons that runs. */
function choose(context, role, pick) {
    const names = Object.keys(running(context)).filter((name) => roleOf(name) === role).sort();
    return names[Math.floor(pick * names.length)];
}

function killNamed(context, name) {
    const pid = running(context)[name];
    if (!pid || !signal(pid, 'SIGKILL')) return undefined;
    context.counts.kills[name] = (context.counts.kills[name] ?? 0) + 1;
    return pid;
}

const kill = (role) => ({
    inject: (context, { pick }) => void killNamed(context, choose(context, role, pick)),
});

/** All that runs, or as many of it as pick says, in one moment. */
const killSeveral = {
    inject: (context, { pick }) => {
        const names = Object.keys(running(context)).sort();
        for (const [i, name] of names.entries()) if (pick > 0.8 || Math.sin((i + 1) * pick * 1000) > 0) killNamed(context, name);
    },
};

/** Twice more while it starts. */
const killStarting = (role) => ({
    lasts: [2, 6],
    inject: (context, { pick }) => {
        const name = choose(context, role, pick);
        let over = false;
        const again = async () => {
            let last = killNamed(context, name);
            for (let times = 0; times < 2; times++) {
                const end = Date.now() + STARTING_MS;
                while (!over && Date.now() < end && [undefined, last].includes(running(context)[name])) await pause(5);
                await pause(150 * pick);
                if (over) return;
                last = killNamed(context, name);
            }
        };
        const done = again();
        return () => { over = true; return done; };
    },
});

const stop = (role) => ({
    lasts: [1, 60],
    inject: (context, { pick }) => {
        const pid = running(context)[choose(context, role, pick)];
        if (!pid || !signal(pid, 'SIGSTOP')) return undefined;
        context.counts.stops++;
        return () => { if (Object.values(running(context)).includes(pid)) signal(pid, 'SIGCONT'); };
    },
});

/** So many devices stop to read. */
const stall = (share, lasts) => ({
    lasts,
    inject: (context, { pick }) => {
        const all = context.world.devices();
        const first = Math.floor(pick * all.length);
        const some = all.map((_, i) => all[(first + i) % all.length]).slice(0, Math.max(1, all.length * share));
        const resumes = some.filter((device) => device.socket.connected).map((device) => device.stall());
        return () => resumes.forEach((resume) => resume());
    },
});

/** Lines of the control file of the library under SQLite. */
const vfs = (lines, lasts) => ({
    needs: 'vfs', lasts,
    inject: async ({ vfs: control }) => {
        const file = path.join(control, 'faults');
        await writeFile(file, `${lines}\n`);
        return () => writeFile(file, '');
    },
});

/** The wall clock of one role's daemons, or of all, an hour forwards or back; the file is tests/fault/clock's. */
const clockJump = {
    needs: 'clock', lasts: [1, 10],
    inject: async ({ clock }, { pick }) => {
        const hour = pick * 2 % 1 < 0.5 ? 3600000n : -3600000n;
        const only = Math.floor(pick * (CLOCKS + 2));
        const set = async (ms) => {
            const file = await open(clock, 'r+');
            const offset = Buffer.alloc(8);
            offset.writeBigInt64LE(ms);
            for (let role = 0; role < CLOCKS; role++) if (only >= CLOCKS || only === role) await file.write(offset, 0, 8, 8 * role);
            await file.close();
        };
        await set(hour);
        return () => set(0n);
    },
};

const proxy = (act, lasts) => ({
    needs: 'proxy', lasts,
    inject: async (context, fault) => {
        await act(context.proxy, fault);
        return lasts && (() => context.proxy.heal());
    },
});

/** What is done to the way between the hosts, where there are two. */
const link = (act, lasts) => ({
    needs: 'link', lasts,
    inject: async ({ pipeline }, { pick }) => {
        await act(pipeline.link, pick);
        return lasts && (() => pipeline.link.heal());
    },
});

export const faults = {
    'kill edge': kill('edge'),
    'kill router': kill('router'),
    'kill persist': kill('persist'),
    'kill notify': kill('notify'),
    'kill scan': kill('scan'),
    'kill several': killSeveral,
    'kill starting edge': killStarting('edge'),
    'kill starting router': killStarting('router'),
    'kill starting persist': killStarting('persist'),
    'stop edge': stop('edge'),
    'stop router': stop('router'),
    'stop persist': stop('persist'),
    'slow readers': stall(0.3, [1, 10]),
    'dead readers': stall(0.05, [30, 90]),
    'disk full': vfs('full 1', [0.5, 5]),
    'disk errors on write': vfs('io-write 0.01', [1, 10]),
    'disk errors on sync': vfs('io-sync 0.05', [1, 10]),
    'disk slow': vfs('slow-sync-ms 50', [1, 10]),
    'database busy': vfs('busy 0.05', [1, 10]),
    'clock jump': clockJump,
    'link cut': link((it) => it.cut(), [1, 12]),
    'link one-way': link((it, pick) => it.oneWay(pick < 0.5 ? 'in' : 'out'), [1, 12]),
    'link flaps': link((it, pick) => it.flap(8, 50 + 150 * pick)),
    'link slow': link((it, pick) => it.slow(20 + 300 * pick), [1, 10]),
    'mongodb cut': proxy((it) => it.cut(), [0.5, 5]),
    'mongodb silent': proxy((it) => it.cut({ silent: true }), [0.5, 8]),
    'mongodb without a primary': proxy((it, { pick }) => it.stepDown({ gapMs: 500 + 1500 * pick })),
    'mongodb writes late': proxy((it, { pick }) => it.cutMidWrite(1 + Math.floor(2 * pick), { late: 500 * pick, collection: 'events' })),
    'mongodb concerns fail': proxy((it, { pick }) => it.failConcerns(1 + Math.floor(3 * pick))),
    'mongodb slow': proxy((it, { pick }) => it.slow(20 + 200 * pick), [1, 10]),
    'mongodb steps down': proxy((it) => it.stepDown()),
    'mongodb cut in mid-write': proxy((it, { pick }) => it.cutMidWrite(1 + Math.floor(5 * pick))),
    'mongodb moves': proxy((it) => it.moved()),
    'replica set steps down': {
        needs: 'realSet',
        inject: async ({ realSet }) => {
            const { MongoClient } = await import('mongodb');
            const client = new MongoClient(realSet);
            await client.db('admin').command({ replSetStepDown: 10, force: true }).catch(() => {}); // the connection may go with it
            await client.close();
        },
    },
    'mongodb killed': {
        needs: 'server', lasts: [0.5, 5],
        inject: async ({ server }) => {
            await server.kill();
            return () => server.restart();
        },
    },
};

/** The names of a list ("all", or names with commas between them) that this context can have. */
export function chosen(list, context) {
    const names = list === 'all' ? Object.keys(faults) : list.split(',').map((name) => name.trim()).filter(Boolean);
    const unknown = names.find((name) => !faults[name]);
    if (unknown) throw new Error(`no such fault: ${unknown}; there are: ${Object.keys(faults).join(', ')}`);
    return names.filter((name) => !faults[name].needs || context[faults[name].needs]);
}

/** Breaks what the plan says when it says so, until it is over or stop is true; heals all. */
export async function carryOut(plan, context, stop) {
    const started = Date.now();
    const healing = [];
    for (const fault of plan) {
        while (!stop() && Date.now() - started < fault.at) await pause(Math.min(50, Math.max(1, fault.at - (Date.now() - started))));
        if (stop()) break;
        healing.push(breakOne(fault, context, stop));
    }
    await Promise.all(healing);
}

async function breakOne(fault, context, stop) {
    const { counts } = context;
    counts.faults[fault.name] = (counts.faults[fault.name] ?? 0) + 1;
    context.say?.(`${fault.name}${fault.ms ? ` for ${(fault.ms / 1000).toFixed(1)} s` : ''}`);
    const heal = await faults[fault.name].inject(context, fault);
    if (!heal) return;
    for (const end = Date.now() + fault.ms; !stop() && Date.now() < end;) await pause(Math.max(1, Math.min(50, end - Date.now())));
    await heal();
}
