// The pipeline on a MongoDB server that fails in every way that the proxy knows, once each; more: tests/fault/mongo.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mongoRun, table } from './mongo.mjs';

test('on MongoDB that steps down, moves, is cut off, loses answers and is killed: nothing lost, doubled or reordered', async (t) => {
    const result = await mongoRun({ rounds: 1, messages: 300 });
    if (result.skip) return t.skip(result.skip);
    t.diagnostic(JSON.stringify(result.counts));
    table(result.recovery).forEach((line) => t.diagnostic(line));
    assert.deepEqual(result.problems.slice(0, 10), []);
    assert.ok(result.counts.acknowledged >= 300);
    assert.equal(result.counts.proxy?.unsafe ?? 0, 0, 'a write without majority and journal');
    return undefined;
});
