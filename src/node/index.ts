export { StateFileError, type StateFileProblem } from "../errors.ts";
export { FileStore } from "./file-store.ts";
export type { FileStoreOptions } from "./file-store-options.ts";
