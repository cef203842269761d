import type { KeyRotator } from "../../src/named/key-rotator.ts";
import type { KeyConfig } from "../../src/pool/keys/key-config.ts";
import type { Incident } from "./world.ts";

type KeyIncident = Extract<Incident, { key: number }>;

/** Which keys are in use, as whoever manages them would say. */
export class KeyStates {
  readonly #removed = new Set<number>();
  readonly #disabled = new Set<number>();

  isInUse(key: number): boolean {
    return !this.#removed.has(key) && !this.#disabled.has(key);
  }

  happen({ kind, key }: KeyIncident, config: KeyConfig, rotator: KeyRotator): void {
    const id = config.id as string;
    switch (kind) {
      case "remove":
        this.#removed.add(key);
        this.#disabled.delete(key);
        rotator.remove(id);
        return;
      case "add":
        this.#removed.delete(key);
        rotator.add(config);
        return;
      case "disable":
        if (!this.#removed.has(key)) this.#disabled.add(key);
        rotator.disable(id);
        return;
      case "enable":
        this.#disabled.delete(key);
        rotator.enable(id);
    }
  }
}
