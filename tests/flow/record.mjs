#!/usr/bin/env node
// node tests/flow/record.mjs [NAME …]: plays a scene on a pipeline of its own, records it with `parley record`, and writes
// NAME.rec and NAME.rec.json (what it must come to) beside this file, over what is there. Without a name: all scenes.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Crowd, killAll } from '../lib/crowd.mjs';
import { Pipeline, until } from '../lib/pipeline.mjs';
import { conversationsOf, digest, dump, eventsIn, Recorder } from '../lib/recording.mjs';
import { call, conversation, must } from '../lib/rest.mjs';

/** Whatever else a conversation can go through: members come, leave and are refused, titles, repeats, conflicts. */
export async function quarrel(url, [alice, bob, carol, dave]) {
    const { id } = await conversation(url, alice.token, [bob.id, carol.id], { title: 'a quarrel', clientId: 'quarrel' });
    const say = (user, n, text = `${user.username} ${n}`) => call(url, 'POST', '/api/messages', { token: user.token, body: { conversationId: id, clientId: `q${n}`, text } });
    const members = `/api/conversations/${id}/members`;
    for (let n = 1; n <= 100; n++) await say([alice, bob, carol][n % 3], n);
    assert.equal((await say(bob, 1)).status, 200); // older than the router remembers: a void
    assert.equal((await say(bob, 1, 'something else')).status, 409);
    assert.equal((await say(dave, 1)).status, 404);
    assert.equal((await call(url, 'POST', members, { token: bob.token, body: { userIds: [dave.id] } })).status, 403);
    await must(url, 'POST', members, { token: alice.token, body: { userIds: [dave.id] } });
    assert.equal((await say(dave, 1)).status, 201);
    await must(url, 'PATCH', `/api/conversations/${id}`, { token: alice.token, body: { title: 'a longer quarrel', clientId: 'title' } });
    await must(url, 'PATCH', `${members}/${bob.id}`, { token: alice.token, body: { role: 'admin' } });
    assert.equal((await call(url, 'DELETE', `${members}/${carol.id}`, { token: bob.token })).status, 204);
    assert.equal((await say(carol, 200)).status, 404);
    await must(url, 'POST', members, { token: bob.token, body: { userIds: [carol.id] } });
    assert.equal((await say(carol, 201)).status, 201);
    const direct = await conversation(url, alice.token, [bob.id], { clientId: 'direct' });
    assert.equal((await conversation(url, bob.token, [alice.id], { clientId: 'direct too' })).id, direct.id);
    return [id, direct.id];
}

async function talk(pipeline, messages, kills, window) {
    const crowd = new Crowd(pipeline, { people: 4, rooms: 5, size: 3, messages, seed: 3, repeat: 5, window });
    try {
        await crowd.assemble();
        let killing = kills.length > 0;
        await Promise.all([killAll(crowd, kills, 1).finally(() => { killing = false; }), crowd.talk(() => killing)]);
        await until('all daemons are well', () => pipeline.healthy(), 30000);
        assert.deepEqual(await crowd.check(), []);
    } finally {
        crowd.leave();
    }
}

const scenes = {
    talk: (pipeline) => talk(pipeline, 60, [], 8),
    quarrel: async (pipeline) => quarrel(pipeline.urls[0], await pipeline.users(4, 'guest')),
    killed: (pipeline) => talk(pipeline, 40, ['router', 'persist'], 1),
};

async function record(name) {
    const file = path.join(path.dirname(fileURLToPath(import.meta.url)), `${name}.rec`);
    await rm(file, { force: true });
    const pipeline = await new Pipeline({ edges: 2 }).start();
    try {
        const recorder = await Recorder.start(pipeline, file);
        await scenes[name](pipeline);
        assert.equal(await recorder.stop(), 0, recorder.text);
        const text = await dump(pipeline, await conversationsOf(file));
        await writeFile(`${file}.json`, `${JSON.stringify({ events: eventsIn(text), sha256: digest(text) }, null, 2)}\n`);
        console.log(`${name}: ${recorder.text.trim().split('\n').at(-1)}`);
    } finally {
        await pipeline.stop();
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
    for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(scenes)) await record(name);
