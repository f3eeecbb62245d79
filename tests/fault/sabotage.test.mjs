// The checker itself is tried, with daemons that are wrong now and then, each in a way of its own (tests/fault/sabotage).
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bin, run } from '../lib/pipeline.mjs';

const checker = fileURLToPath(new URL('run', import.meta.url));
const variants = {
    'store-forgets': 'a store that forgets what it has acknowledged',
    'router-reuses': 'a router that gives a number twice',
    'edge-skips': 'an edge that leaves an event out',
    'edge-early': 'an edge that delivers before the store has answered',
    'store-no-sync': 'a store that does not sync',
};

describe('daemons that are wrong', { concurrency: 3 }, () => {
    for (const [name, what] of Object.entries(variants))
        test(`${what} is caught`, async (t) => {
            const programs = path.join(bin, '../sabotage', name);
            if (!existsSync(path.join(programs, 'parley'))) return t.skip('build the target `sabotage`');
            const done = await run(checker, ['--sabotage', name, '--seconds', '12', '--seed', '1'], { ms: 150000 });
            const last = done.stdout.trim().split('\n').at(-1);
            t.diagnostic(last);
            assert.equal(done.code, 1, `${done.stdout}\n${done.stderr}`);
            assert.match(last, /^lost \d+ doubled \d+ reordered \d+ holes \d+ phantom \d+ leaked \d+ differs \d+$/);
            assert.doesNotMatch(last, /^lost 0 doubled 0 reordered 0 holes 0 phantom 0 leaked 0 differs 0$/);
            return undefined;
        });
});
