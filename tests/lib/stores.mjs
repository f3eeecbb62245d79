// The stores that flow tests run on: SQLite always, MongoDB when one can be had (tests/lib/mongodb).
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './pipeline.mjs';

const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'mongodb');

/** A MongoDB server of the test's own: {uri, kill(), restart(), stop()}, or {skip: reason}. */
export async function mongodb() {
    const dir = await mkdtemp(path.join(tmpdir(), 'parley-mongo-'));
    const started = await run(script, ['start', dir], { ms: 600000 });
    if (started.code === 77) return { skip: started.stderr.trim() };
    if (started.code !== 0) throw new Error(`tests/lib/mongodb start: ${started.stderr}`);
    console.log(`# ${started.stderr.trim().split('\n').at(-1)}`);
    return {
        kind: 'mongodb',
        uri: started.stdout.trim(),
        kill: () => run(script, ['kill', dir]),
        restart: () => run(script, ['restart', dir]),
        stop: async () => {
            await run(script, ['stop', dir]);
            await rm(dir, { recursive: true, force: true });
        },
    };
}
