export type { CryptoKeyLike, EncryptionKey } from "./keys/encryption-keys.ts";
export type { RedisKeyStoreOptions } from "./keys/options.ts";
export { RedisKeyStore } from "./keys/redis-key-store.ts";
export type { Insurance, RedisStoreOptions, SharingState } from "./options.ts";
export { RedisStore } from "./redis-store.ts";
export type { IoredisLike, NodeRedisLike, RedisClient, SendCommand } from "./wire/client.ts";
