/** What a request takes, and what was said before that it would. */
export interface Use {
  readonly model: string | undefined;
  readonly input: number;
  readonly output: number;
  readonly estimate: { readonly input: number; readonly output: number };
}

/** A key that was given out. */
export interface Grant extends Use {
  /** True time, milliseconds from the world's start. */
  readonly at: number;
  readonly key: number;
  /** When it was given back; 0 while it is out. */
  endedAt: number;
}

/** A request the provider refused because of a limit. */
interface Overshoot {
  readonly at: number;
  readonly limitId: string;
  readonly keyId: string;
  readonly isPromised: boolean;
}

/** What came of a world. */
export interface Run {
  readonly grants: Grant[];
  readonly overshoots: Overshoot[];
  /** Requests made, and what became of those that got no key. */
  asked: number;
  aborted: number;
  exhausted: number;
  unexpected: string[];
  /** Requests that were answered neither way. */
  lost: number;
  /** Answers that came too late, with what was waited. */
  late: string[];
  /** Refusals although a key had room. */
  unused: string[];
  /** True time during which nobody waited although clients had more to ask, milliseconds. */
  idleMs: number;
  left: { waiting: number; inFlight: number; timers: number };
  events: number;
  tookMs: number;
}

export function newRun(): Run {
  return {
    grants: [],
    overshoots: [],
    asked: 0,
    aborted: 0,
    exhausted: 0,
    unexpected: [],
    lost: 0,
    late: [],
    unused: [],
    idleMs: 0,
    left: { waiting: 0, inFlight: 0, timers: 0 },
    events: 0,
    tookMs: 0,
  };
}
