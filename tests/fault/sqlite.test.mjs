// The pipeline on SQLite over a disk that fails, fills up and loses its power (tests/fault/vfs).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Crowd, killAll } from '../lib/crowd.mjs';
import { bin, patience, Pipeline, until } from '../lib/pipeline.mjs';
import { call, conversation, log } from '../lib/rest.mjs';

const library = path.join(bin, 'libparley-vfs.so');
const skip = existsSync(library) ? false : 'build the target `parley_vfs`';
const answerMs = 3000 * patience;

/** A pipeline whose persist has the library under it: {pipeline, faults(text), stop()}. */
async function onFaultyDisk(options) {
    const dir = await mkdtemp(path.join(tmpdir(), 'parley-disk-'));
    const faults = async (text) => {
        await writeFile(path.join(dir, 'new'), text);
        await rename(path.join(dir, 'new'), path.join(dir, 'faults'));
    };
    const names = { LD_PRELOAD: library, PARLEY_VFS_DIR: dir, PARLEY_VFS_POWER: '1', ASAN_OPTIONS: `verify_asan_link_order=0:${process.env.ASAN_OPTIONS ?? ''}` };
    const before = Object.fromEntries(Object.keys(names).map((name) => [name, process.env[name]]));
    const pipeline = new Pipeline(options);
    Object.assign(process.env, names);
    try {
        await pipeline.start();
    } finally {
        for (const [name, value] of Object.entries(before)) {
            if (value === undefined) delete process.env[name];
            else process.env[name] = value;
        }
    }
    const stop = async () => {
        await pipeline.stop();
        await rm(dir, { recursive: true });
    };
    return { pipeline, faults, stop };
}

const persistSays = async (pipeline) => (await pipeline.status()).persist?.health ?? '';

const send = (url, token, id, clientId) => call(url, 'POST', '/api/messages', { token, body: { conversationId: id, clientId, text: `text of ${clientId}` } });

/** Sends until one is answered, then until one is not ok; all of them are to be repeated later. */
async function sendUntilRefused(url, token, id, prefix) {
    const sent = [];
    await until('a send is refused', async () => {
        const clientId = `${prefix}-${sent.length}`;
        const answer = await send(url, token, id, clientId);
        sent.push(clientId);
        if (answer.status < 300) return false;
        assert.equal(answer.status, 503, JSON.stringify(answer.body));
        assert.equal(answer.body.error.code, 'unavailable');
        return true;
    }, 30000);
    return sent;
}

/** Each of them is in the log once, after it was repeated. */
async function allStand(url, token, id, clientIds) {
    for (const clientId of clientIds)
        await until(`${clientId} is taken`, async () => (await send(url, token, id, clientId)).status < 300);
    const events = await log(url, token, id);
    const texts = events.filter((event) => event.kind === 'message.created').map((event) => event.message.text);
    assert.deepEqual([...texts].sort(), clientIds.map((clientId) => `text of ${clientId}`).sort());
    events.forEach((event, i) => assert.equal(event.seq, i + 1));
}

const troubles = [
    ['a disk that is full', 'full 1', /the disk is full/],
    ['a disk that cannot be written', 'io-write 1', /reading or writing it failed/],
    ['a disk that cannot be synced', 'io-sync 1', /reading or writing it failed/],
    ['a database whose lock is held', 'busy 1', /another program holds its lock/],
];

for (const [what, line, sentence] of troubles)
    test(`${what}: health says so, sends are answered unavailable, and it goes on by itself`, { skip }, async () => {
        const { pipeline, faults, stop } = await onFaultyDisk({ config: { edge: { answer_ms: answerMs } } });
        try {
            const [url] = pipeline.urls;
            const [alice, bob] = await pipeline.users(2);
            const { id } = await conversation(url, alice.token, [bob.id]);
            await send(url, alice.token, id, 'first');
            await faults(line);
            const sent = await sendUntilRefused(url, alice.token, id, 'in trouble');
            await until('persist says what is wrong', async () => sentence.test(await persistSays(pipeline)));
            await faults('');
            await until('all daemons are well', () => pipeline.healthy());
            await until('the edge is well', async () => (await call(url, 'GET', '/health')).status === 200);
            await allStand(url, alice.token, id, ['first', ...sent]);
        } finally {
            await stop();
        }
    });

test('a small file system that is really full: the same, and nothing is lost', { skip }, async (t) => {
    const disk = await mkdtemp(path.join(tmpdir(), 'parley-small-'));
    try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'parley-test', disk], { stdio: 'pipe' });
    } catch (error) {
        await rm(disk, { recursive: true });
        return t.skip(`no file system can be mounted here: ${String(error.stderr ?? error).trim()}`);
    }
    const pipeline = new Pipeline({ store: { kind: 'sqlite' }, config: { store: { path: path.join(disk, 'parley.db') }, edge: { answer_ms: answerMs } } });
    try {
        await pipeline.start();
        const [url] = pipeline.urls;
        const [alice, bob] = await pipeline.users(2);
        const { id } = await conversation(url, alice.token, [bob.id]);
        await send(url, alice.token, id, 'first');
        await writeFile(path.join(disk, 'filler'), Buffer.alloc(16 << 20)).catch((error) => assert.equal(error.code, 'ENOSPC'));
        const sent = await sendUntilRefused(url, alice.token, id, 'no room');
        await until('persist says what is wrong', async () => /the disk is full/.test(await persistSays(pipeline)));
        assert.ok(await pipeline.signal('persist')); // and a start without room does not make it worse
        await until('persist says it again', async () => /the disk is full/.test(await persistSays(pipeline)));
        await rm(path.join(disk, 'filler'));
        await until('all daemons are well', () => pipeline.healthy());
        await allStand(url, alice.token, id, ['first', ...sent]);
    } finally {
        await pipeline.stop();
        execFileSync('umount', [disk]);
        await rm(disk, { recursive: true });
    }
    return undefined;
});

for (const [what, line] of [
    ['power cuts', 'slow-sync-ms 5'],
    ['power cuts among errors of the disk', 'io-read 0.0005\nio-write 0.002\nio-sync 0.01\nbusy 0.002\nslow-sync-ms 2'],
])
    test(`${what} in the middle of talk: nothing that was acknowledged is lost, doubled or out of order`, { skip }, async (t) => {
        const { pipeline, faults, stop } = await onFaultyDisk({ edges: 2 });
        let crowd, killing = true;
        try {
            crowd = new Crowd(pipeline, { messages: 1500, rooms: 10, people: 10, seed: 1 });
            await crowd.assemble();
            await faults(line);
            const [kills] = await Promise.all([
                killAll(crowd, ['persist'], 6).finally(() => { killing = false; }),
                crowd.talk(() => killing),
            ]);
            await faults('');
            await until('all daemons are well', () => pipeline.healthy(), 30000);
            const problems = await crowd.check();
            t.diagnostic(JSON.stringify({ ...crowd.counts, unansweredAtKills: kills.map((kill) => kill.unanswered) }));
            assert.deepEqual(problems.slice(0, 10), []);
        } finally {
            crowd?.leave();
            await stop();
        }
    });
