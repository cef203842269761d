export { StateFileError, type StateFileProblem } from "./errors.ts";
export { createNodeProxy, type NodeProxyHandler, type NodeProxyOptions } from "./named/create-node-proxy.ts";
export { createNodeAdmin } from "./server/node/create-node-admin.ts";
export type { ProxyTransportChoice } from "./server/node/transport-choice.ts";
export type { Dispatching } from "./server/node/undici-transport.ts";
export { type NodeHandler, nodeHandlerOf, type WebHandler } from "./server/node/web-bridge.ts";
export { FileStore } from "./stores/file/file-store.ts";
export type { FileStoreOptions } from "./stores/file/file-store-options.ts";
export { KeyFile, type KeyFileOptions } from "./stores/file/key-file.ts";
