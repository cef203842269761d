import type { ResourceShape } from "../judgement/provider.ts";
import { RecentMap } from "../recent-map.ts";

/** So many ids are remembered; the one unused for longest is forgotten first. */
const mostRemembered = 10_000;
/** New ids stand at the beginning of an answer. */
const searchedBytes = 8192;
/** Where a request names what it is about: in its path, or near one of the ends of its body. */
const searchedCharacters = 131_072;

/** Which account made what, for all providers of a pool: an id is one provider's, and each has ways of its own to write them. */
export class PoolPins {
  /** May any id be remembered? */
  isInUse = false;
  readonly #pins = new Map<ResourceShape, ResourcePins>();
  /** What was found of the last URL: most calls have that of the last. */
  #last: { readonly resources: ResourceShape; readonly url: string; readonly makes: boolean } | undefined;

  /** Those of a provider with such resources, where its answer to this request may hand out an id. */
  madeBy(resources: ResourceShape, method: string, url: string): ResourcePins | undefined {
    if (this.#last === undefined || this.#last.url !== url || this.#last.resources !== resources) {
      this.#last = { resources, url, makes: resources.made.some((part) => url.includes(part)) };
    }
    return this.#last.makes && (method === "POST" || method === "PUT") ? this.#of(resources) : undefined;
  }

  /** The account that made what a request is about, by its id; `undefined` for all others. */
  accountFor({ url, text }: { readonly url: string; readonly text: string | undefined }): string | undefined {
    for (const pins of this.#pins.values()) {
      const account = pins.accountFor(url, text);
      if (account !== undefined) return account;
    }
    return undefined;
  }

  #of(resources: ResourceShape): ResourcePins {
    let pins = this.#pins.get(resources);
    if (pins === undefined) {
      pins = new ResourcePins(resources);
      this.#pins.set(resources, pins);
      this.isInUse = true;
    }
    return pins;
  }
}

/**
 * Which account made a file, a batch, a response: others do not know it, so requests about it must go back there. Ids are
 * remembered as providers hand them out, and looked for only where any is remembered.
 */
export class ResourcePins {
  readonly #accounts = new RecentMap<string>(mostRemembered);
  readonly #pattern: RegExp;
  readonly #uploadHeader: string | undefined;

  constructor({ prefixes, uploadHeader }: ResourceShape) {
    this.#uploadHeader = uploadHeader;
    const escaped = prefixes.map((prefix) => prefix.replace(/[/\\^$.*+?()[\]{}|]/g, "\\$&"));
    this.#pattern = new RegExp(`(?:${escaped.join("|")})[A-Za-z0-9_-]{3,200}`, "g");
  }

  /** The account that made what a request is about; `undefined` for all others. */
  accountFor(url: string, body: string | undefined): string | undefined {
    if (this.#accounts.size === 0) return undefined;
    const inUrl = this.#accountIn(url);
    if (inUrl !== undefined || body === undefined) return inUrl;
    if (body.length <= 2 * searchedCharacters) return this.#accountIn(body);
    return this.#accountIn(body.slice(0, searchedCharacters)) ?? this.#accountIn(body.slice(-searchedCharacters));
  }

  #accountIn(text: string): string | undefined {
    for (const [id] of text.matchAll(this.#pattern)) {
      const account = this.#accounts.get(id);
      if (account !== undefined) return account;
    }
    const upload = this.#uploadHeader === undefined ? undefined : uploadIn(text);
    return upload === undefined ? undefined : this.#accounts.get(upload);
  }

  /** Remembers what the headers of an answer hand out. */
  noteHeaders(headers: { get(name: string): string | null }, account: string): void {
    if (this.#uploadHeader === undefined) return;
    const upload = uploadIn(headers.get(this.#uploadHeader) ?? "");
    if (upload !== undefined) this.#accounts.set(upload, account);
  }

  /** Reads the beginning of an answer's body as it passes, and remembers the ids in it. */
  noteBody(account: string): (chunk: Uint8Array) => void {
    const decoder = new TextDecoder();
    let text = "";
    let seen = 0;
    return (chunk) => {
      if (seen >= searchedBytes) return;
      text += decoder.decode(chunk.subarray(0, searchedBytes - seen), { stream: true });
      seen += chunk.length;
      for (const [id] of text.matchAll(this.#pattern)) {
        // One that reaches the end may go on in the next chunk.
        if (!text.endsWith(id) || seen >= searchedBytes) this.#accounts.set(id, account);
      }
    };
  }
}

/** The second step of an upload goes to the address that the first was answered with. */
function uploadIn(text: string): string | undefined {
  const found = /[?&]upload_id=([\w-]{8,400})/.exec(text);
  return found === null ? undefined : `upload ${found[1]}`;
}
