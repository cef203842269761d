import type { ProviderLimit } from "../limits/provider-limit.ts";
import { assertStep } from "./option-checks.ts";
import type { EmulatedRequest, KeyBehaviour, Script, Step } from "./step.ts";

/** A key as the emulator keeps it: its behaviour, and how far its script has come. */
export class KeyState {
  /** Names the key in the judge's peaks, instead of its secret. */
  readonly label: string;
  readonly account: string | undefined;
  readonly name: string | undefined;
  /** `undefined`: the emulator's own limits hold. */
  limits: readonly ProviderLimit[] | undefined;
  #script: Script = [];
  #always: Step = {};
  #arrivals = 0;
  #firstAt = 0;

  constructor(label: string, behaviour: KeyBehaviour) {
    this.label = label;
    this.account = behaviour.account;
    this.name = behaviour.name;
    this.limits = behaviour.limits;
    this.setScript(behaviour.script ?? [], behaviour.always ?? {});
  }

  setScript(script: Script, always: Step): void {
    this.#script = script;
    this.#always = always;
    this.#arrivals = 0;
  }

  /** The step for a request that arrives at `now`, monotonic milliseconds. */
  next(request: EmulatedRequest, now: number): Step {
    this.#arrivals++;
    if (this.#arrivals === 1) this.#firstAt = now;
    const step =
      typeof this.#script === "function"
        ? this.#script(request, this.#arrivals, now - this.#firstAt)
        : this.#script[this.#arrivals - 1];
    if (typeof this.#script === "function") assertStep(step);
    return step ?? this.#always;
  }
}
