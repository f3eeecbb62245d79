// Recordings: what a pipeline did, done again by another one.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, stat, truncate, copyFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Crowd, killAll } from '../lib/crowd.mjs';
import { Pipeline, until } from '../lib/pipeline.mjs';
import { conversationsOf, difference, digest, dump, eventsIn, recordingOf, Recorder, replay } from '../lib/recording.mjs';
import { must } from '../lib/rest.mjs';
import { mongodb } from '../lib/stores.mjs';
import { quarrel } from './record.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
let dir, pipeline, crowd, lively, original, ids;

before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'parley-rec-'));
    lively = path.join(dir, 'lively.rec');
    pipeline = await new Pipeline({ edges: 2 }).start();
    const recorder = await Recorder.start(pipeline, lively);
    crowd = new Crowd(pipeline, { people: 8, rooms: 12, size: 4, messages: 800, seed: 7 });
    await crowd.assemble();
    let killing = true;
    const kills = killAll(crowd, ['router', 'persist', 'edge.1'], 1).finally(() => { killing = false; });
    await Promise.all([kills, crowd.talk(() => killing)]);
    await until('all daemons are well', () => pipeline.healthy(), 30000);
    await quarrel(pipeline.urls[0], await pipeline.users(4, 'guest'));
    assert.equal(await recorder.stop(), 0, recorder.text);
    ids = await conversationsOf(lively);
    original = await dump(pipeline, ids);
});
after(async () => {
    crowd?.leave();
    await pipeline?.stop();
    await rm(dir, { recursive: true, force: true });
});

test('a recording says what is in it', async () => {
    const about = await recordingOf(lively);
    assert.equal(about.code, 0, about.stderr);
    assert.ok(about.posts > 900 && about.answers > 900 && about.delivers > 900, JSON.stringify(about));
    assert.equal(about.conversations, 14);
    assert.equal(about.begunEarlier, 0);
    assert.equal(about.broken, 0);
    assert.equal(about.lost, 0);
    assert.ok(about.begins >= 2, 'the router was killed while it was recorded');
    assert.ok(about.statuses.conflict > 0 && about.statuses.forbidden > 0);
    assert.match(original, /member/);
});

test('a replay into the store that it came from changes nothing, twice', async () => {
    for (let turn = 0; turn < 2; turn++) {
        const result = await replay(pipeline, lively);
        assert.equal(result.code, 0, result.stdout + result.stderr);
        assert.equal(result.differences, 0);
        assert.ok(result.again > 50, 'the newest events are asked for again');
        assert.equal(difference(original, await dump(pipeline, ids)), undefined);
    }
});

for (const kind of ['sqlite', 'mongodb'])
    test(`a replay into an empty store on ${kind} gives the same logs and projections, and twice is like once`, async (t) => {
        const store = kind === 'mongodb' ? await mongodb() : { kind };
        if (store.skip) return t.skip(store.skip);
        const other = new Pipeline({ store, workers: kind === 'mongodb' ? 2 : 1 });
        try {
            await other.start();
            for (let turn = 0; turn < 2; turn++) {
                const result = await replay(pipeline, lively, '--into', other.config);
                assert.equal(result.code, 0, result.stdout + result.stderr);
                assert.equal(result.differences, 0);
                if (turn === 0) assert.equal(result.stood, 0);
                assert.equal(difference(original, await dump(other, ids)), undefined);
            }
        } finally {
            await other.stop();
            await store.stop?.();
        }
        return undefined;
    });

test('a recording that begins in the middle names what an empty store lacks, and pushes nothing', async () => {
    const file = path.join(dir, 'middle.rec');
    const recorder = await Recorder.start(pipeline, file);
    const [member] = crowd.members;
    const [room] = member.rooms;
    const { message } = await must(pipeline.urls[0], 'POST', '/api/messages', { token: member.user.token, body: { conversationId: room, clientId: 'in the middle', text: 'late' } });
    assert.equal(await recorder.stop(), 0, recorder.text);
    const about = await recordingOf(file);
    assert.ok(about.snapshots >= 14, 'the conversations in memory stand at its beginning');
    const other = new Pipeline();
    try {
        await other.start();
        const result = await replay(other, file);
        assert.equal(result.code, 1);
        assert.match(result.stderr, new RegExp(`missing: ${room}: its events 1 to ${message.seq - 1} came before the recording began`));
        assert.match(result.stderr, /nothing was pushed/);
        assert.match(await dump(other, [room]), /none/);
    } finally {
        await other.stop();
    }
    const result = await replay(pipeline, file);
    assert.equal(result.code, 0, result.stdout + result.stderr);
});

test('of a recording that is cut off, what is whole is replayed, and the place is named', async () => {
    const whole = path.join(here, 'quarrel.rec');
    const file = path.join(dir, 'cut.rec');
    const { size } = await stat(whole);
    const other = new Pipeline();
    try {
        await other.start();
        for (const share of [0.2, 0.5, 0.9]) {
            await copyFile(whole, file);
            await truncate(file, Math.floor(size * share));
            const about = await recordingOf(file);
            assert.equal(about.code, 1);
            assert.match(about.stderr, /at byte \d+: the recording is cut off/);
            const result = await replay(other, file);
            assert.equal(result.code, 1);
            assert.equal(result.differences, 0, result.stderr);
            assert.ok(result.pushed > 10, result.stdout);
            assert.match(result.stderr, new RegExp(`damaged at byte ${about.damageOffset}`));
        }
        const result = await replay(other, whole);
        assert.equal(result.code, 0, result.stdout + result.stderr);
        const wanted = JSON.parse(await readFile(`${whole}.json`, 'utf8'));
        assert.equal(digest(await dump(other, await conversationsOf(whole))), wanted.sha256);
    } finally {
        await other.stop();
    }
});

test('cut at any of many places, a recording says so, and where', async () => {
    const file = path.join(dir, 'cut.rec');
    const whole = await readFile(path.join(here, 'talk.rec'));
    for (let size = 0; size < whole.length; size += 211) {
        await writeFile(file, whole.subarray(0, size));
        const about = await recordingOf(file);
        assert.equal(about.code, 1, `cut at ${size}`);
        assert.match(about.stderr, size < 24 ? /cut off in its header/ : /at byte \d+: the recording is cut off/);
    }
});

test('a pipeline that makes something else of it is found out', async () => {
    const other = new Pipeline({ config: { bus: { jobs: 'webhook' } } }); // events carry the jobs that they cause
    try {
        await other.start();
        const result = await replay(other, path.join(here, 'talk.rec'));
        assert.equal(result.code, 1);
        assert.ok(result.differences > 20, result.stdout);
        assert.match(result.stderr, /difference: \w+: event \d+ is not what was recorded/);
        assert.match(result.stderr, /further ones are only counted/);
    } finally {
        await other.stop();
    }
});

test('an event in between that neither the recording nor the store has is named', async () => {
    const file = path.join(dir, 'more.rec');
    const other = new Pipeline();
    const [member] = crowd.members;
    const [room] = member.rooms;
    const say = (text) => must(pipeline.urls[0], 'POST', '/api/messages', { token: member.user.token, body: { conversationId: room, clientId: text, text } });
    try {
        await other.start();
        assert.equal((await replay(other, lively)).code, 0);
        await say('nobody listens');
        const recorder = await Recorder.start(pipeline, file);
        const { message } = await say('somebody listens');
        assert.equal(await recorder.stop(), 0);
        const result = await replay(other, file);
        assert.equal(result.code, 1);
        assert.match(result.stderr, new RegExp(`missing: ${room}: its events \\d+ to ${message.seq - 1} came before`));
    } finally {
        await other.stop();
    }
});

test('a recorder that was stopped for too long says that frames are missing', async () => {
    const file = path.join(dir, 'holes.rec');
    const recorder = await Recorder.start(pipeline, file);
    recorder.child.kill('SIGSTOP');
    await until('the router has given it up', () => pipeline.log.some((line) => /no longer recorded.*silent/.test(line)), 30000);
    recorder.child.kill('SIGCONT');
    await until('it has begun again', () => pipeline.log.filter((line) => /recorded from now on/.test(line)).length >= 3, 30000);
    await until('it has written so', () => /LOST/.test(recorder.text), 30000);
    assert.equal(await recorder.stop(), 1);
    assert.match(recorder.text, /frames are missing/);
    assert.ok((await recordingOf(file)).lost > 0);
});

test('the recordings kept here come to what they must', async () => {
    const files = (await readdir(here)).filter((name) => name.endsWith('.rec'));
    assert.ok(files.length >= 3);
    for (const name of files) {
        const file = path.join(here, name);
        const wanted = JSON.parse(await readFile(`${file}.json`, 'utf8'));
        const other = new Pipeline();
        try {
            await other.start();
            const result = await replay(other, file);
            assert.equal(result.code, 0, `${name}: ${result.stdout}${result.stderr}`);
            const got = await dump(other, await conversationsOf(file));
            assert.equal(eventsIn(got), wanted.events, name);
            assert.equal(digest(got), wanted.sha256, name);
        } finally {
            await other.stop();
        }
    }
});
