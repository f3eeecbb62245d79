#!/usr/bin/env node
// node tests/flow/crowd.mjs [--store sqlite|mongodb] [--messages N] [--kills N] [--seed N] [--rooms N] [--people N]
//
// People on two edges talk in conversations of five; every tenth send is repeated on the other edge; with --kills each
// daemon is killed that often meanwhile. Afterwards every history is held against the store. Prints what happened;
// exit 1 unless everything held.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Crowd, killAll } from '../lib/crowd.mjs';
import { Pipeline, until } from '../lib/pipeline.mjs';
import { mongodb } from '../lib/stores.mjs';

/** {skip} or {counts, kills, problems}. */
export async function crowdRun({ store: kind = 'sqlite', messages = 100000, kills = 0, seed = 1, rooms = 200, people = 50 }) {
    const store = kind === 'mongodb' ? await mongodb() : { kind };
    if (store.skip) return store;
    const workers = kind === 'mongodb' ? 2 : 1;
    const pipeline = new Pipeline({ edges: 2, store, workers });
    let crowd;
    try {
        await pipeline.start();
        crowd = new Crowd(pipeline, { messages, rooms, people, seed });
        await crowd.assemble();
        const started = Date.now();
        let killing = kills > 0;
        const names = ['edge.1', 'router', ...(workers > 1 ? ['persist.1', 'persist.2'] : ['persist']), 'edge.2', 'notify', 'scan'];
        const [done] = await Promise.all([
            killing ? killAll(crowd, names, kills).finally(() => { killing = false; }) : [],
            crowd.talk(() => killing),
        ]);
        const seconds = (Date.now() - started) / 1000;
        await until('all daemons are well', () => pipeline.healthy(), 30000);
        const problems = await crowd.check();
        const byName = Object.fromEntries(names.map((name) => [name, done.filter((kill) => kill.name === name).length]));
        return { problems, kills: done, counts: { ...crowd.counts, seconds, ...(kills ? { kills: byName, unansweredAtKills: done.map((kill) => kill.unanswered) } : {}) } };
    } finally {
        crowd?.leave();
        await pipeline.stop();
        await store.stop?.();
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const number = { type: 'string' };
    const { values } = parseArgs({ options: { store: { type: 'string', default: 'sqlite' }, messages: number, kills: number, seed: number, rooms: number, people: number } });
    const options = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, key === 'store' ? value : Number(value)]));
    const result = await crowdRun(options);
    if (result.skip) console.log(`skipped: ${result.skip}`);
    else {
        console.log(JSON.stringify(result.counts, null, 2));
        result.problems.slice(0, 50).forEach((problem) => console.log(`PROBLEM ${problem}`));
        console.log(`${result.problems.length} problems`);
    }
    process.exitCode = result.problems?.length ? 1 : 0;
}
