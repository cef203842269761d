import { RedisProcess } from "./redis-process.ts";

const slots = 16_384;

/** Three masters of this test's own. */
export class RedisCluster {
  readonly nodes: readonly RedisProcess[];

  constructor(nodes: readonly RedisProcess[]) {
    this.nodes = nodes;
  }

  static async start(): Promise<RedisCluster> {
    const flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    const nodes = await Promise.all([1, 2, 3].map(() => RedisProcess.start(flags)));
    const cluster = new RedisCluster(nodes);
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

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end()));
  }

  async #agreed(): Promise<void> {
    for (let tries = 0; tries < 400; tries++) {
      const infos = await Promise.all(this.nodes.map((node) => node.command("CLUSTER", "INFO")));
      if (infos.every((info) => info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3"))) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error("The cluster's nodes did not find each other");
  }
}
