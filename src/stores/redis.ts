export type { IoredisLike, NodeRedisLike, RedisClient, SendCommand } from "./redis/client.ts";
export type { CryptoKeyLike, EncryptionKey } from "./redis/keys/encryption-keys.ts";
export type { RedisKeyStoreOptions } from "./redis/keys/options.ts";
export { RedisKeyStore } from "./redis/keys/redis-key-store.ts";
export type { Insurance, RedisStoreOptions, SharingState } from "./redis/options.ts";
export { RedisStore } from "./redis/redis-store.ts";
