export { StateFileError, type StateFileProblem } from "../errors.ts";
export { createNodeAdmin } from "./create-node-admin.ts";
export { FileStore } from "./file-store.ts";
export type { FileStoreOptions } from "./file-store-options.ts";
export { KeyFile, type KeyFileOptions } from "./key-file.ts";
export { createNodeProxy, type NodeProxyHandler, type NodeProxyOptions } from "./proxy/create-node-proxy.ts";
export type { ProxyTransportChoice } from "./proxy/transport-choice.ts";
export type { Dispatching } from "./proxy/undici-transport.ts";
export { type NodeHandler, nodeHandlerOf, type WebHandler } from "./web-bridge.ts";
