export { StateFileError, type StateFileProblem } from "./errors.ts";
export { createNodeAdmin } from "./node/create-node-admin.ts";
export { createNodeProxy, type NodeProxyHandler, type NodeProxyOptions } from "./node/proxy/create-node-proxy.ts";
export type { ProxyTransportChoice } from "./node/proxy/transport-choice.ts";
export type { Dispatching } from "./node/proxy/undici-transport.ts";
export { type NodeHandler, nodeHandlerOf, type WebHandler } from "./node/web-bridge.ts";
export { FileStore } from "./stores/file/file-store.ts";
export type { FileStoreOptions } from "./stores/file/file-store-options.ts";
export { KeyFile, type KeyFileOptions } from "./stores/file/key-file.ts";
