// The checker for a minute: all faults that there are on SQLite, in the same order each time. For longer, with other
// seeds, and on MongoDB: tests/fault/run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../lib/pipeline.mjs';

const checker = fileURLToPath(new URL('run', import.meta.url));
const seconds = process.env.PARLEY_FAULT_SECONDS ?? '60';
const seed = process.env.PARLEY_FAULT_SEED ?? '1';

test('whatever breaks, nothing is lost, doubled, reordered, left out, made up, leaked or changed', async (t) => {
    const done = await run(checker, ['--seconds', seconds, '--seed', seed], { ms: (Number(seconds) + 240) * 1000 });
    t.diagnostic(done.stdout);
    assert.equal(done.code, 0, `${done.stderr}\n${done.stdout}`);
    assert.match(done.stdout, /^lost 0 doubled 0 reordered 0 holes 0 phantom 0 leaked 0 differs 0$/m);
});
