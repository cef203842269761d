import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { expectNoSecrets } from "../../src/testing/expect-no-secrets.ts";

const secret = `test-${randomBytes(20).toString("hex")}`;

function messageFor(value: unknown, secrets: readonly string[] = [secret]): string {
  try {
    expectNoSecrets(value, secrets);
  } catch (error) {
    return (error as Error).message;
  }
  return "found nothing";
}

class Holder {
  readonly #inner: string;
  constructor(inner: string) {
    this.#inner = inner;
  }
  get shown(): string {
    return this.#inner;
  }
}

class Endless {
  get next(): Endless {
    return new Endless();
  }
}

const cyclic: { name: string; self?: object } = { name: "loop" };
cyclic.self = cyclic;

const throwing = {
  get broken(): string {
    throw new Error("no");
  },
};

describe("expectNoSecrets", () => {
  it.each([
    ["a string", `Bearer ${secret}`, "value"],
    ["a nested property", { a: [{ b: secret }] }, "value.a[0].b"],
    ["a map's value", new Map([["k", secret]]), "value value 0"],
    ["a map's key", new Map([[secret, 1]]), "value key 0"],
    ["a set", new Set([1, secret]), "value entry 1"],
    ["an error's message", new Error(`bad ${secret}`), "value.stack"],
    ["an error's cause", new Error("bad", { cause: { detail: secret } }), "value.cause.detail"],
    ["a collected error", new AggregateError([{ reason: secret }]), "value.errors[0].reason"],
    ["headers", new Headers({ "x-api-key": secret }), 'value["x-api-key"]'],
    ["a request's headers", new Request("http://a.test", { headers: { "x-a": secret } }), 'value.headers["x-a"]'],
    ["a response's headers", { r: new Response("", { headers: { "x-a": secret } }) }, 'value.r.headers["x-a"]'],
    ["a request's address", new Request(`http://a.test/?key=${secret}`), "value.url"],
    ["a URL", new URL(`http://a.test/?key=${secret}`), "value"],
    ["a property's name", { ok: 1, [secret]: 2 }, "the name of property 1 of value"],
    ["a symbol", Symbol(secret), "value"],
    ["a symbol's property", { [Symbol("s")]: secret }, "value[Symbol(s)]"],
    ["a hidden property", Object.defineProperty({}, "hidden", { value: secret }), "value.hidden"],
    ["a class's getter", new Holder(secret), "value.shown"],
    ["what toJSON returns", { toJSON: () => ({ deep: secret }) }, "value.toJSON().deep"],
    ["a function's property", Object.assign(() => undefined, { token: secret }), "value.token"],
    ["bytes", new TextEncoder().encode(secret), "value"],
    ["a cycle's side branch", { cyclic, secret }, "value.secret"],
  ])("finds a secret in %s and names the path, never the secret", (_where, value, path) => {
    const message = messageFor(value);
    expect(message.startsWith(`Expected no secret, but ${path} contains one`)).toBe(true);
    expect(messageFor(message)).toBe("found nothing");
  });

  const odd = `a/b+c=${randomBytes(8).toString("hex")} ü`;
  it.each([
    ["base64", Buffer.from(secret).toString("base64"), secret],
    ["base64 behind one other byte", Buffer.from(`:${secret}`).toString("base64"), secret],
    ["base64 of a name and the secret", Buffer.from(`us:${secret}!`).toString("base64"), secret],
    ["base64url", Buffer.from(`${"\u00ff?".repeat(3)}${odd}`).toString("base64url"), odd],
    ["URL-encoded", encodeURIComponent(odd), odd],
    ["upper-case hex", Buffer.from(secret).toString("hex").toUpperCase(), secret],
    ["more than a third of it", secret.slice(9, 9 + Math.floor(secret.length / 3) + 1), secret],
  ])("finds a secret in disguise: %s", (_form, text, hidden) => {
    expect(messageFor({ text: `before ${text} after` }, [hidden])).toContain("value.text contains one");
  });

  it("lets a mask of at most a third pass", () => {
    const third = Math.floor(secret.length / 3);
    expectNoSecrets({ mask: `${secret.slice(0, third - 4)}…${secret.slice(-4)}` }, [secret]);
  });

  it("passes what holds no secret, with cycles, throwing getters, endless getters and revoked proxies", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const values = [cyclic, throwing, new Endless(), proxy, null, undefined, 5n, new Date(0), new Response("x"), /x/];
    expect(() => expectNoSecrets(values, [secret])).not.toThrow();
  });
});
