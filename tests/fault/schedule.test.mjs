// What is broken when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chosen, faults } from './check/faults.mjs';
import { trouble } from './check/main.mjs';
import { mutations } from './check/mutations.mjs';
import { add, crashes, lastLine, takeovers } from './check/report.mjs';
import { plan } from './check/schedule.mjs';

const names = Object.keys(faults);
const of = (seed, seconds = 60) => plan({ names, table: faults, seconds, seed });

test('the same seed gives the same schedule, another one another', () => {
    assert.deepEqual(of(7), of(7));
    assert.notDeepEqual(of(7), of(8));
});

test('every fault has its turn, in a minute too, and all are over before the end', () => {
    for (const seconds of [60, 600]) {
        const schedule = of(3, seconds);
        assert.deepEqual(new Set(schedule.map((one) => one.name)), new Set(names));
        schedule.forEach((one, i) => assert.ok(one.at < seconds * 1000 && (i === 0 || one.at >= schedule[i - 1].at)));
    }
});

test('a long run stops daemons for up to a minute, a short one for less', () => {
    const longest = (seconds) => Math.max(...Array.from({ length: 20 }, (_, seed) => of(seed, seconds)).flat().filter((one) => one.name.startsWith('stop ')).map((one) => one.ms));
    assert.ok(longest(600) > 40000);
    assert.ok(longest(60) <= 10000);
});

test('no fault at all is a schedule, too', () => assert.deepEqual(plan({ names: [], table: faults, seconds: 60, seed: 1 }), []));

test('only what the stage has is broken, and an unknown name is an error', () => {
    assert.ok(!chosen('all', {}).some((name) => name.startsWith('mongodb') || name.startsWith('disk')));
    assert.ok(chosen('all', { vfs: '/somewhere' }).includes('disk full'));
    assert.throws(() => chosen('kill edge,nonsense', {}), /no such fault: nonsense/);
});

test('a run in which nothing broke, nobody asked again, or a daemon died by itself is an error', () => {
    const counts = { messages: 1, resends: 1, faults: { 'kill edge': 1 } };
    assert.equal(trouble({ counts }, ['all']), undefined);
    assert.ok(trouble({ counts: { ...counts, resends: 0 } }, ['all']));
    assert.ok(trouble({ counts: { ...counts, faults: {} } }, ['all']));
    assert.ok(trouble({ counts: { ...counts, messages: 0 } }, []));
    assert.match(trouble({ counts: { ...counts, crashes: 1 } }, ['all']), /died by themselves/);
});

test('the figures of rounds are added, of the longest silence the longest is kept', () => {
    const all = add(add({}, { messages: 1, stillest: 5, kills: { edge: 1 } }), { messages: 2, stillest: 3, kills: { edge: 1, router: 1 } });
    assert.deepEqual(all, { messages: 3, stillest: 5, kills: { edge: 2, router: 1 } });
    assert.equal(lastLine([{ kind: 'lost' }]), 'lost 1 doubled 0 reordered 0 holes 0 phantom 0 leaked 0 differs 0');
});

test('a takeover is counted when somebody else holds', () => {
    const holds = (who) => `x | level=info who=${who} msg="holding partitions" mask=ff`;
    assert.equal(takeovers(['noise', holds('router.1'), holds('router.1'), holds('router.2'), holds('router.1')]), 2);
    const serves = (who) => `x | level=info who=${who} msg="serving" worker=persist.1 epoch=4`;
    assert.equal(takeovers([serves('persist.1'), serves('persist.3'), serves('persist.3')]), 1);
});

test('a daemon that dies by itself is counted, one that was killed is not', () => {
    const log = ['parley | edge was killed by signal 9; starting it again', 'parley | edge was killed by signal 6; starting it again'];
    assert.equal(crashes(log), 1);
    assert.equal(crashes([...log, 'persist | Assertion failed: !_io_error (src/stream_engine_base.cpp:331)', 'parley | persist was killed by signal 6']), 1);
});

test('every kind of mutation says what it leaves in the log', () => {
    for (const [name, row] of Object.entries(mutations)) assert.ok(row.share > 0 && row.call && row.event, name);
});
