// The real daemons together, under `parley up`, on ipc:// sockets in a temporary directory.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const bin = path.resolve(root, process.env.PARLEY_BIN ?? 'build/dev/bin');

// Sanitizers and valgrind make everything slower: a factor for every deadline.
export const patience = Number(process.env.PARLEY_PATIENCE ?? 1);

/** Polls until check() gives something true, or throws after the deadline. */
export async function until(what, check, ms = 20000) {
    const end = Date.now() + ms * patience;
    for (;;) {
        const value = await check();
        if (value) return value;
        if (Date.now() > end) throw new Error(`not within ${ms * patience} ms: ${what}`);
        await pause(20);
    }
}

/** A port that was free a moment ago. */
export function freePort() {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.on('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

/** Runs a program to its end: {code, stdout, stderr}; never throws for its exit status. */
export function run(program, args, { input, ms = 60000 } = {}) {
    return new Promise((resolve) => {
        const child = execFile(program, args, { timeout: ms * patience, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
            resolve({ code: error ? (error.code ?? 1) : 0, stdout, stderr }));
        child.stdin.on('error', () => {});
        child.stdin.end(input ?? '');
    });
}

// Limits that would only slow a test down.
const generous = { messages_rate: 100000, messages_burst: 100000, auth_rate: 100000, auth_burst: 100000, other_rate: 100000, other_burst: 100000 };

/** A configuration file: {section: {key: value}}. */
export function zpl(sections) {
    return Object.entries(sections)
        .map(([name, keys]) => `${name}\n${Object.entries(keys).map(([key, value]) => `    ${key} = "${value}"\n`).join('')}`)
        .join('');
}

export class Pipeline {
    /**
     * edges, routers: how many; store: {kind: 'sqlite'} or {kind: 'mongodb', uri}; workers: persist workers (MongoDB only),
     * standbys: more of them that stand by; config: more sections, merged over the defaults.
     */
    constructor({ edges = 1, routers = 1, store = { kind: 'sqlite' }, workers = 1, standbys = 0, config = {} } = {}) {
        this.edgeCount = edges;
        this.routers = routers;
        this.store = store;
        this.workers = workers;
        this.standbys = standbys;
        this.extra = config;
        this.log = [];
    }

    async start() {
        this.dir = await mkdtemp(path.join(tmpdir(), 'parley-'));
        this.config = path.join(this.dir, 'parley.cfg');
        this.ports = [];
        for (let i = 0; i < this.edgeCount; i++) this.ports.push(await freePort());
        this.urls = this.ports.map((port) => `http://127.0.0.1:${port}`);
        await writeFile(this.config, zpl(this.sections()));
        await mkdir(path.join(this.dir, 'web'));
        await writeFile(path.join(this.dir, 'web', 'index.html'), '<!doctype html><title>Parley</title>');
        await this.up();
        return this;
    }

    sections() {
        const names = (role, count) => Array.from({ length: count }, (_, i) => (count > 1 ? `${role}.${i + 1}` : role));
        const persists = names('persist', this.workers);
        const standbys = Array.from({ length: this.standbys }, (_, i) => `persist.${this.workers + i + 1}`);
        const width = 64 / this.workers;
        const sections = {
            bus: {
                dir: 'run',
                workers: this.workers > 1 ? persists.map((name, i) => `${name}:${i * width}-${(i + 1) * width - 1}`).join(' ') : 'persist',
            },
            store: this.store.kind === 'mongodb'
                ? { kind: 'mongodb', uri: this.store.uri, database: `parley_${path.basename(this.dir).replace(/\W/g, '_')}` }
                : { kind: 'sqlite', path: 'parley.db' },
            edge: { web: 'web', ...generous },
            up: { daemons: [...persists, ...standbys, ...names('router', this.routers), 'notify', 'scan', ...names('edge', this.edgeCount)].join(' ') },
        };
        names('edge', this.edgeCount).forEach((name, i) => {
            sections[name] = { ...sections[name], port: this.ports[i] };
        });
        for (const [name, keys] of Object.entries(this.extra)) sections[name] = { ...sections[name], ...keys };
        return sections;
    }

    async up() {
        this.child = spawn(path.join(bin, 'parley'), ['up', '-c', this.config], { stdio: ['ignore', 'pipe', 'pipe'] });
        this.exited = new Promise((resolve) => this.child.on('exit', (code, signal) => resolve({ code, signal })));
        let gone;
        this.exited.then((how) => { gone = how; });
        let ready = false;
        const take = (chunk) => {
            for (const line of String(chunk).split('\n').filter(Boolean)) {
                if (line.startsWith('Parley is ready: ')) ready = true;
                this.log.push(line);
            }
        };
        this.child.stdout.on('data', take);
        this.child.stderr.on('data', take);
        await until('the pipeline is ready', () => {
            if (gone) throw new Error(`parley up ended (${JSON.stringify(gone)}):\n${this.log.slice(-30).join('\n')}`);
            return ready;
        }, 30000).catch((error) => {
            throw new Error(`${error.message}\n${this.log.slice(-30).join('\n')}`);
        });
    }

    parley(args, options = {}) {
        const words = args[0] === 'user' ? 2 : 1;
        return run(path.join(bin, 'parley'), [...args.slice(0, words), '-c', options.config ?? this.config, ...args.slice(words)], options);
    }

    /** What every daemon says of itself: {name: {ready, pid, health, counters: {…}}}. */
    async status() {
        const { stdout } = await this.parley(['status', '--json']);
        const all = JSON.parse(stdout);
        return Object.fromEntries((Array.isArray(all) ? all : all.daemons).map((one) => [one.name, one]));
    }

    async pid(name) {
        return (await this.status())[name]?.pid;
    }

    /** Sends a signal to a daemon; false when it is not there at the moment. */
    async signal(name, signal = 'SIGKILL') {
        const pid = await this.pid(name);
        if (!pid) return false;
        process.kill(pid, signal);
        return true;
    }

    async healthy() {
        const all = await this.status();
        return Object.values(all).every((one) => one.ready) && all;
    }

    /** Makes users without passwords, by the admin command: [{username, id, token}]. */
    async users(count, prefix = 'user') {
        const names = Array.from({ length: count }, (_, i) => `${prefix}${i}`);
        const made = await this.parley(['user', 'import', '-'], { input: names.map((username) => JSON.stringify({ username }) + '\n').join('') });
        if (made.code !== 0) throw new Error(`user import: ${made.stderr}`);
        return this.tokens(names);
    }

    async tokens(names) {
        const { code, stdout, stderr } = await this.parley(['user', 'token', '-'], { input: names.join('\n') + '\n' });
        if (code !== 0) throw new Error(`user token: ${stderr}`);
        return stdout.trim().split('\n').map((line) => {
            const [username, id, token] = line.split(' ');
            return { username, id, token };
        });
    }

    async down() {
        if (!this.child) return undefined;
        this.child.kill('SIGTERM');
        const how = await Promise.race([this.exited, pause(20000 * patience, undefined, { ref: false })]);
        if (!how) {
            this.child.kill('SIGKILL');
            throw new Error(`parley up did not stop on SIGTERM:\n${this.log.slice(-30).join('\n')}`);
        }
        this.child = undefined;
        return how;
    }

    async stop() {
        const how = await this.down();
        if (this.dir) await rm(this.dir, { recursive: true, force: true });
        const reports = this.log.filter((line) => /AddressSanitizer|LeakSanitizer|runtime error:|Assertion/.test(line));
        if (reports.length) throw new Error(`a daemon complained:\n${this.log.slice(this.log.indexOf(reports[0]), this.log.indexOf(reports[0]) + 40).join('\n')}`);
        if (how && how.code !== 0) throw new Error(`parley up ended with ${JSON.stringify(how)}:\n${this.log.slice(-20).join('\n')}`);
    }
}
