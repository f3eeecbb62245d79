// The daemons of a pipeline as the machine sees them: also those that do not answer.
import { readFileSync } from 'node:fs';

const read = (path) => { try { return readFileSync(path, 'utf8'); } catch { return ''; } };

/** {name: pid} of the children of `parley up`. */
export function daemons(up) {
    const found = {};
    for (const pid of read(`/proc/${up}/task/${up}/children`).split(' ').filter(Boolean)) {
        const words = read(`/proc/${pid}/cmdline`).split('\0');
        const at = words.indexOf('-n');
        if (at > 0) found[words[at + 1]] = Number(pid);
    }
    return found;
}

/** Sends a signal; false when the process is not there. */
export function signal(pid, name) {
    try {
        process.kill(pid, name);
        return true;
    } catch {
        return false;
    }
}
