export type { IoredisLike, NodeRedisLike, RedisClient, SendCommand } from "./redis/client.ts";
export type { Insurance, RedisStoreOptions, SharingState } from "./redis/options.ts";
export { RedisStore } from "./redis/redis-store.ts";
