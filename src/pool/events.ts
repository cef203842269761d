import { EventEmitter } from "eventemitter3";
import { expectFunction, expectOneOf } from "../checks.ts";
import type { BlockedReasons } from "../errors.ts";
import { isPromise } from "../realms.ts";
import type { CooldownSource, Kind, Logger, Scope } from "../types.ts";

/** What a rotator tells, by event name. Keys go by their id; a secret is in none of them. */
export interface RotatorEvents {
  /**
   * A key was chosen for an attempt. `model` is the request's, where somebody had to know it, and `realModel` the name its provider
   * knows it by.
   */
  "key-selected": {
    readonly requestId: string;
    readonly attempt: number;
    readonly keyId: string;
    /** Name of its provider. */
    readonly provider: string;
    readonly account: string;
    /** Milliseconds the request has waited inside for a key. */
    readonly waitedMs: number;
    readonly model: string | undefined;
    readonly realModel: string | undefined;
    readonly tags: Readonly<Record<string, string>> | undefined;
  };
  "attempt-succeeded": {
    readonly requestId: string;
    readonly attempt: number;
    readonly keyId: string;
    readonly provider: string;
    readonly status: number;
    /** Milliseconds to response headers. */
    readonly elapsedMs: number;
    readonly model: string | undefined;
    readonly realModel: string | undefined;
    readonly tags: Readonly<Record<string, string>> | undefined;
  };
  /**
   * A stream of server-sent events is over: `complete` with its provider's last event, `truncated` when it ended without it,
   * `broken` with its connection, `cancelled` by whoever read it.
   */
  "stream-ended": {
    readonly requestId: string;
    readonly attempt: number;
    readonly keyId: string;
    readonly outcome: "complete" | "truncated" | "broken" | "cancelled";
    /** Milliseconds since the attempt began. */
    readonly elapsedMs: number;
    readonly tags: Readonly<Record<string, string>> | undefined;
  };
  /** A client library repeats a call by itself (`x-stainless-retry-count`): its retries come on top of those made here. */
  "client-retry": { readonly requestId: string; readonly count: number };
  "attempt-failed": {
    readonly requestId: string;
    readonly attempt: number;
    readonly keyId: string;
    readonly provider: string;
    /** `null`: no answer came. Below 300: the error stood inside a success. */
    readonly status: number | null;
    readonly kind: Kind;
    readonly scope: Scope;
    readonly retryAfterMs: number | null;
    readonly failover: boolean;
    readonly elapsedMs: number;
    readonly model: string | undefined;
    readonly realModel: string | undefined;
    readonly tags: Readonly<Record<string, string>> | undefined;
  };
  /** A scope was put into cooldown. */
  "key-cooled": {
    readonly scope: string;
    /** The key whose answer it was; `null` where an account or a provider was told of alone. */
    readonly keyId: string | null;
    readonly forMs: number;
    readonly source: CooldownSource;
    readonly reason: string;
    /** Another process told of it, through the store both share. */
    readonly elsewhere?: true | undefined;
  };
  /** A success or an operator ended a cooldown before its time, or cleared its consecutive failures. */
  "key-recovered": {
    readonly scope: string;
    readonly keyId: string | null;
    /** Another process ended it. */
    readonly elsewhere?: true | undefined;
  };
  /**
   * Accounts that were given apart are one: the provider named the same organization for them, and a cooldown of one now covers
   * all.
   */
  "accounts-merged": { readonly evidence: string; readonly accounts: readonly string[] };
  /** One of them worked while another was used up: they are taken for different accounts from now on. */
  "accounts-split": { readonly evidence: string; readonly accounts: readonly string[] };
  "key-added": { readonly keyId: string };
  "key-removed": { readonly keyId: string };
  "key-enabled": { readonly keyId: string };
  "key-disabled": { readonly keyId: string; readonly reason: string };
  "key-replaced": { readonly keyId: string };
  /** Settings of a key were changed: the names of those that differ now. */
  "key-updated": { readonly keyId: string; readonly changed: readonly string[] };
  /** The provider refuses a new secret, and the old one is used again, as it is not yet to be given up. */
  "key-reverted": { readonly keyId: string };
  "keys-imported": {
    readonly batch: string;
    readonly created: number;
    readonly existed: number;
    readonly removed: number;
  };
  "keys-reloaded": { readonly added: number; readonly removed: number; readonly kept: number };
  /** The key source failed; the keys there were stay in use. */
  "keys-reload-failed": { readonly error: unknown };
  "request-queued": { readonly requestId: string; readonly waiting: number };
  "pool-exhausted": {
    readonly requestId: string;
    readonly retryAfterMs: number | null;
    readonly reasons: BlockedReasons;
  };
  /** The body could be sent only once, so the call got one attempt. */
  "body-not-replayable": { readonly requestId: string; readonly maxReplayBytes: number };
  /**
   * Keys or limits speak of models, and a request's could not be read: it was served as one of no model. Told once a pool. `encoding`:
   * packed in a way this platform cannot unpack; `broken`: packed, and not to its end; `too-large`: it stands behind the first
   * 1,048,576 bytes of what was unpacked; `stream`: longer than is kept; `format`: neither JSON nor a form.
   */
  "model-unknown": {
    readonly requestId: string;
    readonly reason: "encoding" | "broken" | "too-large" | "stream" | "format";
  };
  /**
   * The shared store cannot be asked, or processes of a later version count beside this one: it decides alone, or refuses, as the
   * store was told to.
   */
  "store-degraded": {
    /** What went wrong, in words without a secret. */
    readonly cause: string | undefined;
    /** By how many it divides what was left. */
    readonly instances: number;
  };
  /** The shared store answers, for the first time or again. */
  "store-shared": {
    /** Milliseconds without it; 0: it was not lost. */
    readonly aloneForMs: number;
  };
  /** The shared store lost what it counted, and is told again what its processes know. */
  "store-data-lost": {
    /** How many processes share it, as last heard. */
    readonly instances: number;
  };
  /** The shared store cannot tell what other processes change: it is learnt with the next request. */
  "store-unsubscribed": {
    readonly cause: string | undefined;
  };
  /**
   * What refusals in some words mean, which no words told: others serve what is refused like this (`account`), or refuse it alike
   * (`request`). Told once, until it is forgotten.
   */
  "refusal-learned": {
    readonly provider: string;
    readonly status: number | null;
    readonly means: "account" | "request";
    /** How to say so for good: for the `errors` of `defineProvider`. */
    readonly rule: string;
  };
  /** A health path answered well for a key whose credential is refused: everybody may read it. Told once a path. */
  "probe-proves-nothing": { readonly path: string };
  /** A store, a strategy, a secret function, a probe, the `classify` hook or a cache's `key` failed; the request went on. */
  "internal-error": {
    readonly part:
      | "store"
      | "keyStore"
      | "strategy"
      | "secret"
      | "probe"
      | "classify"
      | "cache"
      | "affinity"
      | "estimate"
      | "observer";
    /** Whose secret it was. */
    readonly keyId?: string | undefined;
    readonly error: unknown;
  };
}

const known: { readonly [name in keyof RotatorEvents]: true } = {
  "key-selected": true,
  "attempt-succeeded": true,
  "stream-ended": true,
  "client-retry": true,
  "attempt-failed": true,
  "key-cooled": true,
  "key-recovered": true,
  "accounts-merged": true,
  "accounts-split": true,
  "key-added": true,
  "key-removed": true,
  "key-enabled": true,
  "key-disabled": true,
  "key-replaced": true,
  "key-updated": true,
  "key-reverted": true,
  "keys-imported": true,
  "keys-reloaded": true,
  "keys-reload-failed": true,
  "request-queued": true,
  "pool-exhausted": true,
  "body-not-replayable": true,
  "model-unknown": true,
  "store-degraded": true,
  "store-shared": true,
  "store-data-lost": true,
  "store-unsubscribed": true,
  "refusal-learned": true,
  "probe-proves-nothing": true,
  "internal-error": true,
};
const names = Object.keys(known) as (keyof RotatorEvents)[];

/** Nobody would ever call a listener of an event that there is not. */
function expectListening(name: unknown, listener: unknown): void {
  expectOneOf("event", name, names);
  expectFunction("listener", listener);
}

const levels: Readonly<Partial<Record<keyof RotatorEvents, keyof Logger>>> = {
  "attempt-failed": "warn",
  "client-retry": "info",
  "key-cooled": "warn",
  "key-disabled": "warn",
  "keys-reload-failed": "error",
  "pool-exhausted": "error",
  "body-not-replayable": "warn",
  "model-unknown": "warn",
  "store-degraded": "warn",
  "store-shared": "info",
  "store-data-lost": "warn",
  "store-unsubscribed": "warn",
  "refusal-learned": "info",
  "probe-proves-nothing": "warn",
  "internal-error": "error",
  "key-recovered": "info",
  "accounts-merged": "warn",
  "accounts-split": "info",
  "key-added": "info",
  "key-removed": "info",
  "key-enabled": "info",
  "key-replaced": "info",
  "key-updated": "info",
  "key-reverted": "warn",
  "keys-imported": "info",
  "keys-reloaded": "info",
};

/** Hands events to listeners and to the logger. Whatever they throw stays here: a metrics bug must not fail a request. */
export class EventHub {
  readonly #emitter = new EventEmitter();
  readonly #guarded = new WeakMap<object, (event: never) => void>();
  readonly #logger: Logger | undefined;

  /** Has anybody ever listened? The usual answer spares asking for each event. */
  /** Can anybody hear an event? Written here alone; spares asking for each. */
  isHeard: boolean;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
    this.isHeard = logger !== undefined;
  }

  /** Does anybody want this event? Spares building it. */
  wants(name: keyof RotatorEvents): boolean {
    return this.isHeard && (this.#logger !== undefined || this.#emitter.listenerCount(name) > 0);
  }

  on<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): void {
    expectListening(name, listener);
    this.isHeard = true;
    this.#emitter.on(name, this.#guard(name, listener));
  }

  once<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): void {
    expectListening(name, listener);
    this.isHeard = true;
    this.#emitter.once(name, this.#guard(name, listener));
  }

  off<Name extends keyof RotatorEvents>(name: Name, listener: (event: RotatorEvents[Name]) => void): void {
    expectListening(name, listener);
    this.#emitter.off(name, this.#guard(name, listener));
  }

  emit<Name extends keyof RotatorEvents>(name: Name, event: RotatorEvents[Name]): void {
    this.#log(levels[name] ?? "debug", name, event);
    this.#emitter.emit(name, event);
  }

  /** The emitter lets a throw escape and skips the listeners after it: each is wrapped once. */
  #guard<Event>(name: string, listener: (event: Event) => void): (event: Event) => void {
    const known = this.#guarded.get(listener);
    if (known !== undefined) return known as (event: Event) => void;
    const guarded = (event: Event): void => {
      try {
        const result: unknown = listener(event);
        if (isPromise(result)) Promise.resolve(result).catch((error: unknown) => this.#listenerFailed(name, error));
      } catch (error) {
        this.#listenerFailed(name, error);
      }
    };
    this.#guarded.set(listener, guarded as (event: never) => void);
    return guarded;
  }

  #listenerFailed(event: string, error: unknown): void {
    this.#log("error", "listener-failed", { event, error });
  }

  #log(level: keyof Logger, message: string, details: object): void {
    try {
      this.#logger?.[level](message, details);
    } catch {
      // A logger that throws has nowhere left to be told of.
    }
  }
}
