// A pipeline over two hosts: edge.2 lives in a network namespace of its own, joined to the others by two veth pairs, one
// for the bus and one for its clients, and every frame between the hosts goes by tcp under CURVE keys. What is done to
// the bus's pair looks to the daemons like a cable that is pulled: no packet says so. Delay is added by a relay in user
// space, since few kernels have netem.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { bin, freePort, Pipeline, until, zpl } from '../lib/pipeline.mjs';

// libzmq 4.3.4 ends a process when a connection under CURVE breaks at a certain moment: a kill like any other.
const LIBZMQ = /^a daemon complained:\n.*Assertion failed: .*\(src\/\w+\.cpp:/;
const CHANNELS = 5; // ports per daemon, as base/topology.h has it

/** Runs ip(8); its message when it fails. */
function ip(...args) {
    return execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

/** What a run that was killed has left: its process is gone, its namespace and pairs are not. */
function sweep() {
    for (const [name, pid] of ip('netns', 'list').matchAll(/^parley-(\d+)-\d+/gm)) {
        if (existsSync(`/proc/${pid}`)) continue;
        try { ip('netns', 'del', name); } catch { /* another run sweeps, too */ }
    }
}

/** The third byte of two networks in a row, 10.213.n.0/24 and the next, that nobody here has. */
function freeNetworks() {
    const taken = new Set([...ip('-o', 'addr').matchAll(/inet 10\.213\.(\d+)\./g)].map(([, third]) => Number(third)));
    const first = 2 * (process.pid % 125);
    for (let i = 0; i < 125; i++) {
        const net = (first + 2 * i) % 250;
        if (!taken.has(net) && !taken.has(net + 1)) return net;
    }
    throw new Error('all of 10.213.0.0/16 is in use');
}

/** Why there can be no second host here; undefined when there can. */
export function noHosts() {
    const name = `parley-try-${process.pid}`;
    try {
        ip('netns', 'add', name);
        try {
            ip('link', 'add', `pt${process.pid}`, 'type', 'veth', 'peer', 'name', 'veth', 'netns', name);
            ip('link', 'del', `pt${process.pid}`);
        } finally {
            ip('netns', 'del', name);
        }
        return undefined;
    } catch (error) {
        return `no network namespaces here: ${String(error.stderr ?? error.message).trim().split('\n')[0]}`;
    }
}

/** Forwards tcp connections and holds every chunk back for delayMs. */
class Relay {
    constructor() {
        this.delayMs = 0;
        this.servers = [];
        this.sockets = new Set();
    }

    async listen(host, port, toHost, toPort) {
        const server = createServer({ pauseOnConnect: true }, (client) => this.join(client, connect(toPort, toHost)));
        this.servers.push(server);
        await new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    }

    join(client, target) {
        for (const [from, to] of [[client, target], [target, client]]) {
            this.sockets.add(from);
            from.setNoDelay(true);
            let last = Promise.resolve(); // chunks keep their order when the delay changes
            from.on('data', (chunk) => {
                const due = this.delayMs ? pause(this.delayMs) : undefined;
                last = last.then(() => due).then(() => { to.write(chunk); });
            });
            from.on('error', () => {});
            from.on('close', () => { this.sockets.delete(from); to.destroy(); });
        }
        client.resume();
    }

    close() {
        for (const server of this.servers) server.close();
        for (const socket of this.sockets) socket.destroy();
    }
}

/** The way between the two hosts. Every fault lasts until heal(). */
class Link {
    constructor(hosts) {
        this.hosts = hosts;
        this.counts = { cut: 0, oneWay: 0, flap: 0, slow: 0 };
    }

    /** Nothing passes, either way. */
    cut() {
        this.counts.cut++;
        ip('link', 'set', this.hosts.bus.here, 'down');
    }

    /** Nothing that edge.2 sends arrives (out), or nothing that is sent to it (in). */
    oneWay(direction) {
        this.counts.oneWay++;
        this.unblock();
        const at = direction === 'out' ? ['-n', this.hosts.namespace] : [];
        this.blocked = [...at, 'route', 'del', 'blackhole', `${direction === 'out' ? this.hosts.bus.hereIp : this.hosts.bus.thereIp}/32`];
        ip(...this.blocked.map((word) => (word === 'del' ? 'add' : word)));
    }

    /** Everything takes ms longer. */
    slow(ms) {
        this.counts.slow++;
        this.hosts.relay.delayMs = ms;
    }

    /** Down and up again, times times, for ms each; heals by itself. */
    async flap(times, ms) {
        this.counts.flap++;
        for (let i = 0; i < times; i++) {
            ip('link', 'set', this.hosts.bus.here, 'down');
            await pause(ms);
            ip('link', 'set', this.hosts.bus.here, 'up');
            await pause(ms);
        }
    }

    unblock() {
        if (this.blocked) ip(...this.blocked);
        this.blocked = undefined;
    }

    heal() {
        this.hosts.relay.delayMs = 0;
        this.unblock();
        ip('link', 'set', this.hosts.bus.here, 'up');
    }
}

let made = 0;

export class TwoHosts extends Pipeline {
    constructor(options = {}) {
        super({ edges: 2, ...options });
        this.namespace = `parley-${process.pid}-${made}`;
        this.bus = { here: `pb${process.pid}.${made}` };
        this.door = { here: `pd${process.pid}.${made}` };
        made++;
        this.link = new Link(this);
        this.relay = new Relay();
    }

    /** The namespace and the two pairs. */
    lay() {
        sweep();
        const net = freeNetworks();
        Object.assign(this.bus, { hereIp: `10.213.${net}.1`, thereIp: `10.213.${net}.2` });
        Object.assign(this.door, { hereIp: `10.213.${net + 1}.1`, thereIp: `10.213.${net + 1}.2` });
        ip('netns', 'add', this.namespace);
        ip('-n', this.namespace, 'link', 'set', 'lo', 'up');
        for (const [pair, there] of [[this.bus, 'bus'], [this.door, 'door']]) {
            ip('link', 'add', pair.here, 'type', 'veth', 'peer', 'name', there, 'netns', this.namespace);
            ip('addr', 'add', `${pair.hereIp}/24`, 'dev', pair.here);
            ip('link', 'set', pair.here, 'up');
            ip('-n', this.namespace, 'addr', 'add', `${pair.thereIp}/24`, 'dev', there);
            ip('-n', this.namespace, 'link', 'set', there, 'up');
        }
    }

    /** edge.2 reaches the others through the relay, whose ports lie behind theirs. */
    async startRelay() {
        for (let i = 0; i < this.beyond().length * CHANNELS; i++) await this.relay.listen(this.bus.hereIp, this.busPort + 100 + i, this.bus.hereIp, this.busPort + i);
    }

    /** Whom edge.2 must reach. */
    beyond() {
        return super.sections().up.daemons.split(' ').filter((name) => /^(persist|router)/.test(name));
    }

    hostList(offset) {
        const here = this.beyond().map((name, i) => `${name}=${this.bus.hereIp}:${this.busPort + offset + i * CHANNELS}`);
        return [...here, `edge.2=${this.bus.thereIp}:${this.busPort}`].join(' ');
    }

    sections() {
        const sections = super.sections();
        sections.bus.hosts = this.hostList(0);
        sections.up.daemons = sections.up.daemons.split(' ').filter((name) => name !== 'edge.2').join(' ');
        return sections;
    }

    sectionsThere() {
        const sections = super.sections();
        sections.bus.hosts = this.hostList(100);
        sections.bus.keys = path.join(this.dir, 'secrets/bus');
        Object.assign(sections.edge, { web: path.join(this.dir, 'web'), jwt_key: path.join(this.dir, 'secrets/jwt.key') });
        sections['edge.2'].host = this.door.thereIp;
        sections.up.daemons = 'edge.2';
        return sections;
    }

    async up() {
        this.lay();
        this.busPort = 20000 + ((await freePort()) % 10000);
        this.urls[1] = `http://${this.door.thereIp}:${this.ports[1]}`;
        await writeFile(this.config, zpl(this.sections()));
        const keys = await this.parley(['keys']);
        if (keys.code !== 0) throw new Error(`parley keys: ${keys.stderr}`);
        await this.startRelay();
        await super.up();
        await this.upThere();
    }

    async upThere() {
        const dir = path.join(this.dir, 'there');
        this.configThere = path.join(dir, 'parley.cfg');
        await mkdir(dir);
        await writeFile(this.configThere, zpl(this.sectionsThere()));
        this.there = spawn('ip', ['netns', 'exec', this.namespace, path.join(bin, 'parley'), 'up', '-c', this.configThere], { stdio: ['ignore', 'pipe', 'pipe'] });
        this.thereEnded = new Promise((resolve) => this.there.on('exit', (code, signal) => resolve({ code, signal })));
        let ready = false;
        for (const stream of [this.there.stdout, this.there.stderr])
            stream.on('data', (chunk) => {
                ready ||= String(chunk).includes('Parley is ready');
                this.log.push(...String(chunk).split('\n').filter(Boolean));
            });
        await until('the second host is ready', () => ready, 30000);
    }

    async status() {
        const there = await this.parley(['status', '--json'], { config: this.configThere });
        return { ...(await super.status()), ...Object.fromEntries(JSON.parse(there.stdout).daemons.map((one) => [one.name, one])) };
    }

    async down() {
        this.there?.kill('SIGTERM');
        await this.thereEnded;
        return super.down();
    }

    async stop() {
        try {
            await super.stop().catch((error) => { if (!LIBZMQ.test(error.message)) throw error; });
        } finally {
            this.relay.close();
            for (const undo of [['netns', 'del', this.namespace], ['link', 'del', this.bus.here], ['link', 'del', this.door.here]]) {
                try { ip(...undo); } catch { /* went with the namespace */ }
            }
        }
    }
}
