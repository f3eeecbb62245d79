// The storm in small, so that the instrument works when it is wanted; the figures come from tests/fault/storm.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stormRun } from './storm.mjs';

test('some hundred clients of a killed edge are back on the other one, and have missed nothing', async (t) => {
    const result = await stormRun({ clients: 300, rooms: 20, rate: 50, seconds: 2, quiet: true, edge: { handshakes_rate: 100, handshakes_burst: 50, connects_rate: 100 } });

    t.diagnostic(JSON.stringify(result));
    assert.deepEqual([result.behind, result.holes], [0, 0]);
    assert.ok(result.refused > 0 && result.edge.connects_delayed > 0, 'it was a storm');
    assert.ok(result.during.acks > 0, 'the senders went on');
});
