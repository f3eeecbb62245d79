// The short version of slow.mjs: fewer messages, but more bytes than the kernel and the queue hold.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slowRun } from './slow.mjs';

test('readers that stopped have every message in order afterwards, and their neighbour all along', async () => {
    const { problems, counts } = await slowRun({ seconds: 4, messages: 2500, bytes: 10000, rooms: 5, config: { edge: { queue_messages: 512 } } });

    assert.deepEqual(problems, []);
    assert(counts.counters.events_dropped > 0);
    assert.equal(counts.counters.socket_overflows, 0);
    assert.equal(counts.slow.connects, 0); // it never came back: it never went
});
