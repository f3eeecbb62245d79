// Links between hosts that break while people talk: see hosts.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Crowd } from '../lib/crowd.mjs';
import { until } from '../lib/pipeline.mjs';
import { noHosts, TwoHosts } from './hosts.mjs';

const skip = noHosts();
// What is done, for how long, and how many answers people on the far edge may get meanwhile (a second after it began).
const faults = [
    ['is cut', (link) => link.cut(), 8000, 0], // longer than the bus believes in a silent peer
    ['carries nothing from the edge', (link) => link.oneWay('out'), 4000, 0],
    ['carries nothing to the edge', (link) => link.oneWay('in'), 4000, 0],
    ['flaps', (link) => link.flap(8, 150), 0, Infinity],
    ['is slow', (link) => link.slow(300), 4000, 200], // 20 sends under way, 600 ms each
];
let hosts, crowd;

before(async () => {
    if (skip) return;
    hosts = await new TwoHosts().start();
    crowd = new Crowd(hosts, { people: 10, rooms: 20, size: 5, messages: 0, window: 4, repeat: 10, seed: 5 });
    await crowd.assemble();
});

after(async () => {
    crowd?.leave();
    await hosts?.stop();
});

const answeredThere = () => crowd.members.filter((member) => member.edge === 1).reduce((sum, member) => sum + member.answered, 0);

for (const [what, inject, ms, most] of faults)
    test(`nothing is lost, doubled or reordered while the link between two hosts ${what}`, { skip }, async () => {
        let faulty = true;
        const before = crowd.counts.acknowledged;
        await Promise.all([
            crowd.talk(() => faulty),
            (async () => {
                await until('people talk', () => crowd.counts.acknowledged > before + 20);
                await inject(hosts.link);
                await pause(Math.min(ms, 1000));
                const answered = answeredThere();
                await pause(Math.max(ms - 1000, 0));
                assert.ok(answeredThere() - answered <= most, `${answeredThere() - answered} answers passed the link`);
                hosts.link.heal();
                const healed = answeredThere();
                await until('people on the far edge get answers again', () => answeredThere() > healed + 20, 60000);
                faulty = false;
            })(),
        ]);
        await until('all daemons are well', () => hosts.healthy(), 30000);
        assert.deepEqual(await crowd.check(), []);
    });
