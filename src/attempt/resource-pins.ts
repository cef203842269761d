import type { ResourceShape } from "../judgement/provider.ts";
import type { ProviderReading } from "../judgement/provider-reading.ts";
import { isShared, type Pins, type Store } from "../limits/store.ts";
import { createFingerprint } from "../pool/keys/fingerprint.ts";
import { RecentMap } from "../recent-map.ts";

/**
 * Files, batches, responses, items of a conversation: they belong to the account that made them, and no other knows them. Ids are
 * remembered as providers hand them out, here and in a store that processes share, and requests that name one go back there. Nothing is
 * looked for before an id is known, or a store may know one.
 */

/** So many ids are remembered; the one unused for longest is forgotten first. */
const mostRemembered = 10_000;
/** As long as the longest-lived are kept by their providers (OpenAI keeps responses for 30 days), milliseconds. */
const keptMs = 30 * 24 * 3_600_000;
/** So much of an answer is searched for new ids: those of a conversation's items stand behind what it repeats of the request. */
const searchedBytes = 131_072;
/** An id that was cut by a chunk's end is found with the next. */
const longestId = 240;
/** Where a request names what it is about: in its path, or near one of the ends of its body. */
const searchedCharacters = 131_072;
/** So many ids of a request are asked of a store. */
const mostAsked = 4;
/** So many of one answer are told to it: a list of what there is may have any number. */
const mostTold = 32;

/** A request in which ids are looked for. */
interface NamingCall {
  readonly method: string;
  readonly url: string;
  readonly text: string | undefined;
}

export interface PoolPinsOptions {
  /** Where other processes find what this one remembers. */
  readonly shared?: Pins | undefined;
  readonly providers: () => readonly ProviderReading[];
  /** Told of a store that fails. */
  readonly failed: (error: unknown) => void;
}

const inProcess = new WeakMap<Store, PoolPins>();

/** The pins of a pool. Pools over one store know of each other's, in this process and elsewhere. */
export function pinsOver(store: Store, options: Omit<PoolPinsOptions, "shared">): PoolPins {
  if (isShared(store)) return new PoolPins({ ...options, shared: store.pins });
  let pins = inProcess.get(store);
  if (pins === undefined) {
    pins = new PoolPins(options);
    inProcess.set(store, pins);
  }
  return pins;
}

/** Which account made what, for all providers of a pool: an id is one provider's, and each has ways of its own to write them. */
export class PoolPins {
  /** May any id be known? */
  isInUse: boolean;
  readonly #options: PoolPinsOptions;
  readonly #pins = new Map<ResourceShape, ResourcePins>();
  /** Calls whose ids the store was asked for. */
  #asked: WeakSet<NamingCall> | undefined;
  #hash: ((text: string) => string) | undefined;
  /** What was found of the last URL: most calls have that of the last. */
  #last: { readonly resources: ResourceShape; readonly url: string; readonly makes: boolean } | undefined;

  constructor(options: PoolPinsOptions) {
    this.#options = options;
    this.isInUse = options.shared !== undefined;
  }

  /** Those of a provider with such resources, where its answer to this request may hand out an id. */
  madeBy(resources: ResourceShape, method: string, url: string): ResourcePins | undefined {
    if (this.#last === undefined || this.#last.url !== url || this.#last.resources !== resources) {
      this.#last = { resources, url, makes: resources.made.some((part) => url.includes(part)) };
    }
    return this.#last.makes && (method === "POST" || method === "PUT") ? this.#of(resources) : undefined;
  }

  /** The account that made what a request is about, by its id; `undefined` for all others. A promise where a store is asked. */
  accountFor(call: NamingCall): string | undefined | Promise<string | undefined> {
    const { shared } = this.#options;
    if (shared !== undefined) for (const { provider } of this.#options.providers()) this.#of(provider.resources);
    for (const pins of this.#pins.values()) {
      const account = pins.accountFor(call.url, call.text);
      if (account !== undefined) return account;
    }
    if (shared === undefined || this.#asked?.has(call)) return undefined;
    for (const pins of this.#pins.values()) {
      const ids = pins.idsIn(call.url, call.text);
      if (ids.length > 0) return this.#ask(shared, call, pins, ids);
    }
    return undefined;
  }

  /** Could an account that was not asked know what this one does not? */
  mayBeElsewhere({ method, url }: NamingCall, resources: ResourceShape): boolean {
    return (method === "GET" || method === "HEAD") && this.#of(resources).idsIn(url, undefined).length > 0;
  }

  /** An account has what a request is about after others did not know it. */
  foundAt(account: string, { url }: NamingCall, resources: ResourceShape): void {
    const pins = this.#of(resources);
    for (const id of pins.idsIn(url, undefined)) pins.remember(id, account);
  }

  async #ask(shared: Pins, call: NamingCall, pins: ResourcePins, ids: readonly string[]): Promise<string | undefined> {
    this.#asked ??= new WeakSet();
    this.#asked.add(call);
    try {
      const found = await Promise.all(ids.map((id) => shared.get(this.#nameOf(id))));
      for (const [place, account] of found.entries()) {
        if (account === undefined) continue;
        pins.learn(ids[place] as string, account);
        return account;
      }
    } catch (error) {
      this.#options.failed(error);
    }
    return undefined;
  }

  #of(resources: ResourceShape): ResourcePins;
  #of(resources: ResourceShape | undefined): ResourcePins | undefined;
  #of(resources: ResourceShape | undefined): ResourcePins | undefined {
    if (resources === undefined) return undefined;
    let pins = this.#pins.get(resources);
    if (pins === undefined) {
      pins = new ResourcePins(resources, this.#options.shared && ((id, account) => this.#tell(id, account)));
      this.#pins.set(resources, pins);
      this.isInUse = true;
    }
    return pins;
  }

  async #tell(id: string, account: string): Promise<void> {
    try {
      await this.#options.shared?.put(this.#nameOf(id), account, keptMs);
    } catch (error) {
      this.#options.failed(error);
    }
  }

  /** Nobody can read a store for what clients were given. */
  #nameOf(id: string): string {
    this.#hash ??= createFingerprint("rotating-fetch pin v1");
    return this.#hash(id);
  }
}

/** Which account made what, of one provider's ids. */
export class ResourcePins {
  readonly #accounts = new RecentMap<string>(mostRemembered);
  readonly #pattern: RegExp;
  readonly #uploadHeader: string | undefined;
  readonly #tell: ((id: string, account: string) => void) | undefined;

  /** @param tell whoever else is to know */
  constructor({ prefixes, uploadHeader }: ResourceShape, tell?: ((id: string, account: string) => void) | undefined) {
    this.#uploadHeader = uploadHeader;
    this.#tell = tell;
    const escaped = prefixes.map((prefix) => prefix.replace(/[/\\^$.*+?()[\]{}|]/g, "\\$&"));
    this.#pattern = new RegExp(`(?<![A-Za-z0-9_-])(?:${escaped.join("|")})[A-Za-z0-9_-]{3,200}`, "g");
  }

  /** The account that made what a request is about; `undefined` for all others. */
  accountFor(url: string, body: string | undefined): string | undefined {
    if (this.#accounts.size === 0) return undefined;
    const inUrl = this.#accountIn(url);
    if (inUrl !== undefined || body === undefined) return inUrl;
    if (body.length <= 2 * searchedCharacters) return this.#accountIn(body);
    return this.#accountIn(body.slice(0, searchedCharacters)) ?? this.#accountIn(body.slice(-searchedCharacters));
  }

  /** Some of the ids that a request names: those of its URL, else the last of its body. */
  idsIn(url: string, body: string | undefined): readonly string[] {
    const inUrl = this.#ids(url);
    if (inUrl.length > 0 || body === undefined) return inUrl.slice(0, mostAsked);
    return this.#ids(body.slice(-searchedCharacters)).slice(-mostAsked);
  }

  /** Takes in what others remembered. */
  learn(id: string, account: string): void {
    this.#accounts.set(id, account);
  }

  remember(id: string, account: string): void {
    this.#accounts.set(id, account);
    this.#tell?.(id, account);
  }

  /** Remembers what the headers of an answer hand out. */
  noteHeaders(headers: { get(name: string): string | null }, account: string): void {
    if (this.#uploadHeader === undefined) return;
    const upload = uploadIn(headers.get(this.#uploadHeader) ?? "");
    if (upload !== undefined) this.remember(upload, account);
  }

  /** Reads an answer's body as it passes, and remembers the ids in it. */
  noteBody(account: string): (chunk: Uint8Array) => void {
    const decoder = new TextDecoder();
    let text = "";
    let seen = 0;
    let told = 0;
    const met = new Set<string>();
    return (chunk) => {
      if (seen >= searchedBytes) return;
      text += decoder.decode(chunk.subarray(0, searchedBytes - seen), { stream: true });
      seen += chunk.length;
      for (const [id] of text.matchAll(this.#pattern)) {
        // One that reaches the end may go on in the next chunk.
        if ((text.endsWith(id) && seen < searchedBytes) || met.has(id)) continue;
        met.add(id);
        this.#accounts.set(id, account);
        if (told++ < mostTold) this.#tell?.(id, account);
      }
      text = text.slice(-longestId);
    };
  }

  #accountIn(text: string): string | undefined {
    for (const [id] of text.matchAll(this.#pattern)) {
      const account = this.#accounts.get(id);
      if (account !== undefined) return account;
    }
    const upload = this.#uploadHeader === undefined ? undefined : uploadIn(text);
    return upload === undefined ? undefined : this.#accounts.get(upload);
  }

  #ids(text: string): string[] {
    const ids = [...new Set([...text.matchAll(this.#pattern)].map(([id]) => id))];
    const upload = this.#uploadHeader === undefined ? undefined : uploadIn(text);
    return upload === undefined ? ids : [...ids, upload];
  }
}

/** The second step of an upload goes to the address that the first was answered with. */
function uploadIn(text: string): string | undefined {
  const found = /[?&]upload_id=([\w-]{8,400})/.exec(text);
  return found === null ? undefined : `upload ${found[1]}`;
}
