// One command to a MongoDB server, without a driver: node mongodb_command.mjs HOST:PORT '{"hello":1}' [DATABASE]
// prints the reply as JSON. Enough of BSON for tests/lib/mongodb: no authentication, no TLS.
import net from 'node:net';

const OP_MSG = 2013;
const TIMEOUT_MS = 5000;

function encodeElement(name, value) {
  const head = (type) => Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`)]);
  if (typeof value === 'string') {
    const text = Buffer.from(`${value}\0`);
    const size = Buffer.alloc(4);
    size.writeInt32LE(text.length);
    return Buffer.concat([head(2), size, text]);
  }
  if (typeof value === 'number') {
    const number = Buffer.alloc(4);
    number.writeInt32LE(value);
    return Buffer.concat([head(16), number]);
  }
  if (typeof value === 'boolean') return Buffer.concat([head(8), Buffer.from([value ? 1 : 0])]);
  return Buffer.concat([head(Array.isArray(value) ? 4 : 3), encode(value)]);
}

function encode(document) {
  const body = Buffer.concat(Object.entries(document).map(([name, value]) => encodeElement(name, value)));
  const size = Buffer.alloc(4);
  size.writeInt32LE(body.length + 5);
  return Buffer.concat([size, body, Buffer.from([0])]);
}

// [value, size in bytes] of the value of a BSON type that starts at an offset.
function decodeValue(type, buffer, at) {
  switch (type) {
    case 1: return [buffer.readDoubleLE(at), 8];
    case 2: return [buffer.toString('utf8', at + 4, at + 3 + buffer.readInt32LE(at)), 4 + buffer.readInt32LE(at)];
    case 3: return [decode(buffer, at), buffer.readInt32LE(at)];
    case 4: return [Object.values(decode(buffer, at)), buffer.readInt32LE(at)];
    case 5: return [buffer.toString('hex', at + 5, at + 5 + buffer.readInt32LE(at)), 5 + buffer.readInt32LE(at)];
    case 7: return [buffer.toString('hex', at, at + 12), 12];
    case 8: return [buffer[at] === 1, 1];
    case 9: return [new Date(Number(buffer.readBigInt64LE(at))), 8];
    case 10: return [null, 0];
    case 16: return [buffer.readInt32LE(at), 4];
    case 17:
    case 18: return [Number(buffer.readBigInt64LE(at)), 8];
    default: throw new Error(`BSON type ${type} is not known here`);
  }
}

function decode(buffer, start) {
  const document = {};
  let at = start + 4;
  while (buffer[at] !== 0) {
    const type = buffer[at];
    const end = buffer.indexOf(0, at + 1);
    const [value, size] = decodeValue(type, buffer, end + 1);
    document[buffer.toString('utf8', at + 1, end)] = value;
    at = end + 1 + size;
  }
  return document;
}

function run(address, command) {
  const colon = address.lastIndexOf(':');
  const socket = net.connect(Number(address.slice(colon + 1)), address.slice(0, colon));
  const body = Buffer.concat([Buffer.alloc(4), Buffer.from([0]), encode(command)]);
  const header = Buffer.alloc(16);
  header.writeInt32LE(16 + body.length, 0);
  header.writeInt32LE(1, 4);
  header.writeInt32LE(OP_MSG, 12);
  let reply = Buffer.alloc(0);

  return new Promise((resolve, reject) => {
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without an answer')));
    socket.on('data', (data) => {
      reply = Buffer.concat([reply, data]);
      if (reply.length < 4 || reply.length < reply.readInt32LE(0)) return;
      resolve(decode(reply, 21));
      socket.destroy();
    });
    socket.write(Buffer.concat([header, body]));
  });
}

const [address, command, database = 'admin'] = process.argv.slice(2);
try {
  const reply = await run(address, { ...JSON.parse(command), $db: database });
  console.log(JSON.stringify(reply));
  process.exitCode = reply.ok === 1 ? 0 : 1;
} catch (error) {
  console.error(`${address}: ${error.message}`);
  process.exitCode = 2;
}
