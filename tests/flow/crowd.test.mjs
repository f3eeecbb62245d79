// Many clients on two edges, with repeats and with kills; the whole load is tests/flow/crowd.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crowdRun } from './crowd.mjs';

const scale = Number(process.env.PARLEY_CROWD_SCALE ?? 0.1);

for (const store of ['sqlite', 'mongodb'])
    for (const kills of [0, 3])
        test(`on ${store}${kills ? `, each daemon killed ${kills} times` : ''}: dense numbers, one order, nothing lost or doubled`, async (t) => {
            const result = await crowdRun({ store, kills, messages: 100000 * scale * (store === 'mongodb' ? 0.05 : 1), ...(store === 'mongodb' ? { rooms: 20, people: 10 } : {}) });
            if (result.skip) return t.skip(result.skip);
            t.diagnostic(JSON.stringify(result.counts));
            assert.deepEqual(result.problems.slice(0, 10), []);
            if (kills) assert.ok(result.counts.resends > 0, 'a run without a resend shows nothing');
            return undefined;
        });
