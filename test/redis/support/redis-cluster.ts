import { RedisProcess } from "./redis-process.ts";

const slots = 16_384;

/** Three masters of this test's own, and replicas where it wants them. */
export class RedisCluster {
  readonly nodes: RedisProcess[];
  readonly #flags: readonly string[];

  constructor(nodes: readonly RedisProcess[], flags: readonly string[]) {
    this.nodes = [...nodes];
    this.#flags = flags;
  }

  /** @param nodeTimeoutMs without an answer for so long, a node is taken for dead by the others */
  static async start(nodeTimeoutMs = 2000): Promise<RedisCluster> {
    const flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", String(nodeTimeoutMs)];
    const nodes = await Promise.all([1, 2, 3].map(() => RedisProcess.start(flags)));
    const cluster = new RedisCluster(nodes, flags);
    await Promise.all(nodes.map((node, index) => node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1))));
    for (const [index, node] of nodes.entries()) {
      const [first, last] = [Math.floor((index * slots) / 3), Math.floor(((index + 1) * slots) / 3) - 1];
      await node.command("CLUSTER", "ADDSLOTSRANGE", String(first), String(last));
    }
    const [meeting] = nodes as [RedisProcess];
    for (const node of nodes.slice(1)) await meeting.command("CLUSTER", "MEET", "127.0.0.1", String(node.port));
    await cluster.#agreed();
    return cluster;
  }

  get ports(): readonly number[] {
    return this.nodes.map(({ port }) => port);
  }

  /** The slot of a pool, and the master that has it as the cluster was started. */
  async homeOf(pool: string): Promise<{ slot: number; master: RedisProcess; other: RedisProcess }> {
    const [asked] = this.nodes as [RedisProcess];
    const slot = Number((await asked.command("CLUSTER", "KEYSLOT", `{rf:${pool}}`)).slice(1));
    const at = [2, 1, 0].find((index) => slot >= Math.floor((index * slots) / 3)) as number;
    return { slot, master: this.nodes[at] as RedisProcess, other: this.nodes[(at + 1) % 3] as RedisProcess };
  }

  async addReplicaOf(master: RedisProcess): Promise<RedisProcess> {
    const replica = await RedisProcess.start(this.#flags);
    this.nodes.push(replica);
    await master.command("CLUSTER", "MEET", "127.0.0.1", String(replica.port));
    await this.#agreed();
    await replica.command("CLUSTER", "REPLICATE", await idOf(master));
    await saying(replica, "master_link_status:up", "INFO", "replication");
    // The others have to know of it before they may vote for it.
    const id = await idOf(replica);
    for (const node of this.nodes) await saying(node, new RegExp(`${id}[^\n]*slave `), "CLUSTER", "NODES");
    return replica;
  }

  /** Moves a slot with its keys while it is in use, a few keys at a time. */
  async move(slot: number, from: RedisProcess, to: RedisProcess): Promise<void> {
    const [fromId, toId] = [await idOf(from), await idOf(to)];
    await to.command("CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId);
    await from.command("CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId);
    for (;;) {
      const listed = await from.command("CLUSTER", "GETKEYSINSLOT", String(slot), "2");
      const keys = listed.split("\r\n").filter((line) => line.startsWith("{"));
      if (keys.length === 0) break;
      await from.command("MIGRATE", "127.0.0.1", String(to.port), "", "0", "1000", "KEYS", ...keys);
    }
    for (const node of [to, from, ...this.nodes]) await node.command("CLUSTER", "SETSLOT", String(slot), "NODE", toId);
  }

  /** Resolves when it is a master, and the cluster works with it. */
  async promoted(replica: RedisProcess): Promise<void> {
    await saying(replica, "role:master", "INFO", "replication");
    await saying(replica, "cluster_state:ok", "CLUSTER", "INFO");
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end()));
  }

  async #agreed(): Promise<void> {
    for (const node of this.nodes) {
      await saying(node, "cluster_state:ok", "CLUSTER", "INFO");
      await saying(node, `cluster_known_nodes:${this.nodes.length}`, "CLUSTER", "INFO");
    }
  }
}

async function idOf(node: RedisProcess): Promise<string> {
  const [, id = ""] = (await node.command("CLUSTER", "MYID")).split("\r\n");
  return id;
}

/** Resolves when the master's only replica has all that the master has. */
export async function replicated(master: RedisProcess): Promise<void> {
  await saying(master, /slave0:[^\r]*offset=(\d+)[\s\S]*master_repl_offset:\1\r/, "INFO", "replication");
}

/** Resolves when the node answers something with this in it. */
export async function saying(node: RedisProcess, what: string | RegExp, ...command: readonly string[]): Promise<void> {
  let said = "";
  for (let tries = 0; tries < 800; tries++) {
    said = await node.command(...command).catch(String);
    if (typeof what === "string" ? said.includes(what) : what.test(said)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`Expected ${what} from ${command.join(" ")}, got:\n${said}`);
}
