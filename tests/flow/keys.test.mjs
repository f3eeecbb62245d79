// The keys that daemons on several hosts know each other by; that they work is shown by ../fault/links.test.mjs.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { bin, run, zpl } from '../lib/pipeline.mjs';

let dir, config;
const keys = (...names) => run(path.join(bin, 'parley'), ['keys', '-c', config, ...names]);
const made = async () => (await readdir(path.join(dir, 'secrets/bus'))).sort();

before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'parley-keys-'));
    config = path.join(dir, 'parley.cfg');
    await writeFile(config, zpl({ bus: { hosts: 'router=10.0.0.1:7000 edge.2=10.0.0.2:7000' }, up: { daemons: 'persist router' } }));
});
after(() => rm(dir, { recursive: true }));

test('everybody whom the configuration names gets a pair, and the secret is its owner\'s alone', async () => {
    const done = await keys();
    assert.equal(done.code, 0, done.stderr);
    assert.deepEqual(await made(), ['admin', 'edge.2', 'persist', 'router'].flatMap((name) => [`${name}.cert`, `${name}.cert_secret`]));
    for (const folder of ['secrets/bus', 'secrets/bus/router.cert_secret']) assert.equal((await stat(path.join(dir, folder))).mode & 0o077, 0, folder);
});

test('keys that are there are kept', async () => {
    const secret = () => readFile(path.join(dir, 'secrets/bus/router.cert_secret'), 'utf8');
    const before = await secret();
    const done = await keys();
    assert.match(done.stdout, /^0 made,/);
    assert.equal(await secret(), before);
});

test('a name that is no daemon\'s makes no file anywhere', async () => {
    const before = await made();
    for (const name of ['../x', 'ruter', '/tmp/x', 'router/../../x', 'router./../../x', 'edge '.repeat(20)]) {
        const done = await keys(name);
        assert.equal(done.code, 1, name);
        assert.match(done.stderr, /no daemon's name/);
    }
    assert.deepEqual(await made(), before);
    assert.deepEqual((await readdir(dir)).sort(), ['parley.cfg', 'secrets']);
});

test('a daemon without its key says how to get one', async () => {
    const done = await run(path.join(bin, 'parley-router'), ['-c', config, '-n', 'router.7']);
    assert.notEqual(done.code, 0);
    assert.match(done.stderr + done.stdout, /parley keys/);
});
