// The slow work: webhooks, virus scanning, and the admin command's users.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Pipeline, until } from '../lib/pipeline.mjs';
import { call, conversation, must } from '../lib/rest.mjs';

let pipeline, url, alice, bob, hook, dir;
const calls = [];
let answerWith = () => 200;

before(async () => {
    hook = createServer((request, response) => {
        let body = '';
        request.on('data', (chunk) => { body += chunk; });
        request.on('end', () => {
            calls.push({ headers: request.headers, body: JSON.parse(body) });
            response.statusCode = answerWith();
            response.end();
        });
    });
    await new Promise((resolve) => hook.listen(0, '127.0.0.1', resolve));
    dir = await mkdtemp(path.join(tmpdir(), 'parley-scan-'));
    pipeline = await new Pipeline({
        config: { bus: { jobs: 'webhook' }, notify: { webhook: `http://127.0.0.1:${hook.address().port}/hook` } },
    }).start();
    [url] = pipeline.urls;
    [alice, bob] = await pipeline.users(2);
});
after(async () => {
    hook.close();
    await rm(dir, { recursive: true, force: true });
    await pipeline?.stop();
});

const jobOf = (one) => one.headers['x-parley-job'];

test('each message is posted to the webhook, again with the same id until it is taken', async () => {
    let refusals = 2;
    answerWith = () => (refusals-- > 0 ? 503 : 204);
    const { id } = await conversation(url, alice.token, [bob.id]);
    const { message } = await must(url, 'POST', '/api/messages', { token: alice.token, body: { conversationId: id, clientId: 'hook', text: 'to the hook' } });
    await until('the webhook was called three times', () => calls.length === 3, 30000);
    assert.equal(new Set(calls.map(jobOf)).size, 1);
    const { event } = calls[2].body;
    assert.equal(event.kind, 'message.created');
    assert.equal(event.message.id, message.id);
    assert.equal(event.message.text, 'to the hook');
});

test('a job outlives the death of notify and persist', async () => {
    answerWith = () => 500;
    calls.length = 0;
    const { id } = await conversation(url, alice.token, [bob.id]);
    await must(url, 'POST', '/api/messages', { token: alice.token, body: { conversationId: id, clientId: 'survivor', text: 'survivor' } });
    await until('a first try was made', () => calls.length > 0);
    await pipeline.signal('notify');
    await pipeline.signal('persist');
    answerWith = () => 200;
    const before = calls.length;
    await until('it was tried again', () => calls.length > before && calls.at(-1).body.event.message.text === 'survivor', 60000);
    assert.equal(jobOf(calls.at(-1)), jobOf(calls[0]));
    await until('all daemons are well', () => pipeline.healthy());
});

test('scan tells a virus from a clean file and never calls clean what it did not scan', async () => {
    const eicar = path.join(dir, 'eicar.com');
    const clean = path.join(dir, 'clean.txt');
    await writeFile(eicar, ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join(''));
    await writeFile(clean, 'nothing to see');
    const { scan } = await pipeline.status();
    assert.equal(scan.ready, true);
    assert.match((await pipeline.parley(['scan', eicar])).stdout, /infected/);
    assert.match((await pipeline.parley(['scan', clean])).stdout, /clean/);
    const missing = await pipeline.parley(['scan', path.join(dir, 'missing')]);
    assert.notEqual(missing.code, 0);
    assert.doesNotMatch(missing.stdout, /clean/);
});

test('users are added one by one and by the file, and bad lines are named', async () => {
    const added = await pipeline.parley(['user', 'add', 'zoe', '--email', 'zoe@example.org', '--name', 'Zoe', '--password-stdin'], { input: 'a good password\n' });
    assert.equal(added.code, 0, added.stderr);
    assert.equal((await call(url, 'POST', '/api/auth/login', { body: { login: 'zoe', password: 'a good password' } })).status, 200);
    const imported = await pipeline.parley(['user', 'import', '-'], { input: '{"username":"yan"}\nnonsense\n{"username":"no spaces"}\n{"username":"zoe"}\n' });
    assert.match(imported.stderr, /2/);
    assert.match(imported.stderr, /3/);
    assert.notEqual(imported.code, 0);
    const [yan] = await pipeline.tokens(['yan']);
    assert.equal((await call(url, 'GET', '/api/users/me', { token: yan.token })).body.username, 'yan');
});

test('a second parley up on the same data says so and touches nothing', async () => {
    const again = await pipeline.parley(['up']);
    assert.notEqual(again.code, 0);
    assert.match(again.stderr + again.stdout, /running|lock|already/i);
    assert.ok(await pipeline.healthy());
    assert.equal((await call(url, 'GET', '/health')).status, 200);
});

test('a store that is away makes the edge say 503 and comes back by itself', async () => {
    const pid = await pipeline.pid('persist');
    process.kill(pid, 'SIGSTOP');
    await until('the edge says 503', async () => (await call(url, 'GET', '/health')).status === 503);
    process.kill(pid, 'SIGCONT');
    await until('the edge says 200', async () => (await call(url, 'GET', '/health')).status === 200);
});
