// The SDK as the build bundled it: PARLEY_SDK names it, else it is that of build/dev.
import { webcrypto } from 'node:crypto';

const built = new URL('../../build/dev/web-workshop/sdk.mjs', import.meta.url).href;

globalThis.crypto ??= webcrypto; // Node 18 has it, but not where browsers do
export const sdk = await import(process.env.PARLEY_SDK ?? built);
