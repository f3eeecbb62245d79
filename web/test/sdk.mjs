// The SDK as the build bundled it: PARLEY_SDK names it, else it is that of build/dev.
const built = new URL('../../build/dev/web-workshop/sdk.mjs', import.meta.url).href;

export const sdk = await import(process.env.PARLEY_SDK ?? built);
