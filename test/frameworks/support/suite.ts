import { describe } from "vitest";
import type { StartServer } from "./servers.ts";
import { answerTests } from "./suite-answers.ts";
import { bodyTests } from "./suite-bodies.ts";
import { connectionTests } from "./suite-connections.ts";
import { headerTests } from "./suite-headers.ts";
import { useWorld } from "./world.ts";

/** What a proxy does, whatever it is mounted in. */
export function proxySuite(name: string, start: StartServer): void {
  describe(name, () => {
    const world = useWorld(start);
    answerTests(world);
    bodyTests(world);
    headerTests(world);
    connectionTests(world);
  });
}
