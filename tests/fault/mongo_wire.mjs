// MongoDB's wire protocol as far as a proxy reads it: whole messages, the command in them, and replies made or changed.
import { deserialize, serialize } from 'bson';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const MORE_TO_COME = 2;
const EXHAUST_ALLOWED = 1 << 16;
const MESSAGE_MAX = 48000000 + 16384;

// Every value keeps its type on the way through.
const read = (bytes) => deserialize(bytes, { promoteValues: false, promoteBuffers: false });

/** Makes whole messages of what comes in pieces. */
export class Framer {
    waiting = Buffer.alloc(0);

    /** The messages that are whole now; throws when what comes is no message. */
    take(piece) {
        const messages = [];
        this.waiting = this.waiting.length ? Buffer.concat([this.waiting, piece]) : piece;
        while (this.waiting.length >= 16) {
            const size = this.waiting.readInt32LE(0);
            if (size < 16 || size > MESSAGE_MAX) throw new Error(`a message of ${size} bytes`);
            if (this.waiting.length < size) break;
            messages.push(this.waiting.subarray(0, size));
            this.waiting = this.waiting.subarray(size);
        }
        return messages;
    }
}

export const idOf = (message) => message.readInt32LE(4);
export const answersTo = (message) => message.readInt32LE(8);

// Where the document of an OP_MSG lies: it may come before or after the sequences of documents.
function documentOf(message) {
    const checksum = message.readUInt32LE(16) & 1 ? 4 : 0;
    for (let at = 20; at < message.length - checksum;) {
        const size = message.readInt32LE(at + 1);
        if (message[at] === 0) return message.subarray(at + 1, at + 1 + size);
        at += 1 + size;
    }
    throw new Error('an OP_MSG without a document');
}

/** {name, document, legacy, silent, exhaust} of a request; the sequences of an OP_MSG are left out. Throws on any other message. */
export function readCommand(message) {
    const code = message.readInt32LE(12);
    let bytes;
    if (code === OP_MSG) bytes = documentOf(message);
    else if (code === OP_QUERY) bytes = message.subarray(message.indexOf(0, 20) + 9);
    else throw new Error(`a message of kind ${code}`);
    const document = read(bytes.subarray(0, bytes.readInt32LE(0)));
    const flags = code === OP_MSG ? message.readUInt32LE(16) : 0;
    return {
        name: Object.keys(document)[0],
        document,
        legacy: code === OP_QUERY,
        silent: (flags & MORE_TO_COME) !== 0,
        exhaust: (flags & EXHAUST_ALLOWED) !== 0,
    };
}

function frame(id, answers, code, parts) {
    const head = Buffer.alloc(16);
    const size = 16 + parts.reduce((sum, part) => sum + part.length, 0);
    head.writeInt32LE(size, 0);
    head.writeInt32LE(id, 4);
    head.writeInt32LE(answers, 8);
    head.writeInt32LE(code, 12);
    return Buffer.concat([head, ...parts]);
}

/** The same request with another document and maybe another id; only for one that has no sequences. */
export function changeCommand(message, { legacy, document }, id = idOf(message)) {
    if (!legacy) return frame(id, 0, OP_MSG, [Buffer.alloc(5), serialize(document)]);
    return frame(id, 0, OP_QUERY, [message.subarray(16, message.indexOf(0, 20) + 9), serialize(document)]);
}

/** A reply of our own to the request. */
export function makeReply(request, { legacy }, document) {
    if (!legacy) return frame(idOf(request), idOf(request), OP_MSG, [Buffer.alloc(5), serialize(document)]);
    const head = Buffer.alloc(20);
    head.writeInt32LE(8, 0); // AwaitCapable
    head.writeInt32LE(1, 16); // one document
    return frame(idOf(request), idOf(request), OP_REPLY, [head, serialize(document)]);
}

/** The reply with its document changed by change(document); more: another one follows without a request. */
export function changeReply(message, change, more = false) {
    const code = message.readInt32LE(12);
    const document = read(code === OP_REPLY ? message.subarray(36) : documentOf(message));
    const head = code === OP_REPLY ? message.subarray(16, 36) : Buffer.from([more ? MORE_TO_COME : 0, 0, 0, 0, 0]);
    return frame(idOf(message), answersTo(message), code, [head, serialize(change(document))]);
}
