// A router that is stopped, replaced by one started by hand when its lease is over, and resumed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { bin, Pipeline, until } from '../lib/pipeline.mjs';
import { conversation, log } from '../lib/rest.mjs';

let pipeline, second, socket;
before(async () => { pipeline = await new Pipeline().start(); });
after(async () => {
    socket?.close();
    second?.kill('SIGTERM');
    if (second) await new Promise((resolve) => second.once('exit', resolve));
    await pipeline?.stop();
});

test('the one that wakes up again is fenced and changes nothing', async () => {
    const [url] = pipeline.urls;
    const [alice, bob] = await pipeline.users(2);
    const { id } = await conversation(url, alice.token, [bob.id]);
    socket = io(url, { auth: { token: alice.token } });
    await until('connected', () => socket.connected);
    const send = (n) => socket.timeout(20000).emitWithAck('message:send', { conversationId: id, clientId: `n${n}`, text: `${n}` });
    for (let n = 1; n <= 5; n++) assert.equal((await send(n)).ok, true);

    const first = await pipeline.pid('router');
    process.kill(first, 'SIGSTOP');
    const waiting = [6, 7, 8].map(send); // these are on their way to the one that is stopped
    second = spawn(path.join(bin, 'parley-router'), ['-c', pipeline.config, '-n', 'router.2'], { stdio: ['ignore', 'ignore', 'pipe'] });
    second.stderr.on('data', (chunk) => pipeline.log.push(`router.2 | ${chunk}`));
    const answers = await Promise.all(waiting);
    assert.deepEqual(answers.map((answer) => answer.ok && answer.message.seq), [7, 8, 9]);
    for (let n = 9; n <= 12; n++) assert.equal((await send(n)).ok, true);
    const before = await log(url, bob.token, id);

    process.kill(first, 'SIGCONT');
    await until('the first router knows that it is fenced', async () => {
        const { router } = await pipeline.status();
        return router?.pid === first && router.counters.fenced > 0;
    });
    assert.deepEqual(await log(url, bob.token, id), before);
    const more = await send(13);
    assert.equal(more.message.seq, before.length + 1);
    assert.deepEqual((await log(url, bob.token, id)).map((event) => event.seq), before.map((event) => event.seq).concat(before.length + 1));
});
