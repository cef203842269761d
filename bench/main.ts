import { cpus } from "node:os";

type Section = () => Promise<void>;

const sections: Readonly<Record<string, () => Promise<Section>>> = {
  a: async () => (await import("./sections/call-cost.ts")).callCost,
  b: async () => (await import("./sections/other-tools.ts")).otherTools,
  c: async () => (await import("./sections/picking.ts")).picking,
  d: async () => (await import("./sections/failover.ts")).failover,
  e: async () => (await import("./sections/allocation.ts")).allocation,
  f: async () => (await import("./sections/classifying.ts")).classifying,
  g: async () => (await import("./sections/quotas.ts")).quotas,
  h: async () => (await import("./sections/streams.ts")).streams,
  i: async () => (await import("./sections/memory.ts")).memory,
  j: async () => (await import("./sections/creation.ts")).creation,
  k: async () => (await import("./sections/first-failover.ts")).firstFailover,
  l: async () => (await import("./sections/sizes.ts")).sizes,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in sections));
if (unknown.length > 0) {
  console.error(`Unknown section ${unknown.join(", ")}; there are ${Object.keys(sections).join(", ")}.`);
  process.exit(2);
}

console.log(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} CPUs: ${cpus()[0]?.model}`);
console.log("Medians, in brackets the 10th and 90th percentile; a ratio is always taken within one round.");
for (const name of asked.length > 0 ? asked : Object.keys(sections)) {
  const load = sections[name] as () => Promise<Section>;
  await (await load())();
}
