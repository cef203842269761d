import type {
  Classification,
  ClassificationContext,
  Dimension,
  Kind,
  Limit,
  Scope,
  SharedBy,
  WindowName,
} from "../types.ts";
import type { HeaderSource } from "./reading/headers.ts";

/** What is known of one answer, or of the failure to get one. */
export interface ClassifierInput {
  /** Status of the response. @default none: the request failed before one came */
  readonly status?: number | undefined;
  readonly headers?: HeaderSource | undefined;
  /** The body, parsed or as raw text. Beyond 64 KiB a text is not read. */
  readonly body?: unknown;
  /** What the transport threw. */
  readonly error?: unknown;
  /** Wall clock, epoch milliseconds. */
  readonly now: number;
  readonly context?: ClassificationContext | undefined;
}

/** Says what answers mean. Synchronous and pure; it never throws, whatever it is given. */
export type AnswerClassifier = (input: ClassifierInput) => Classification;

/** Where a credential goes: a header, with the word before the secret, or a parameter of the URL. At least one is named. */
export interface CredentialPlacement {
  /** Header name, lower case. @default none: the credential goes into the URL, whatever the client sends */
  readonly header?: string | undefined;
  /** What stands before the secret in the header: `"Bearer"`, or empty for a bare secret. @default "" */
  readonly scheme?: string | undefined;
  /**
   * Query parameter in which the provider takes the credential, too. Where the client used it and no header, the pool's
   * secret goes there. @default none
   */
  readonly query?: string | undefined;
  /**
   * Kinds of credentials that are known by how they begin and are accepted in one place only: they go there, whatever the client
   * used. The first that fits counts.
   * @default none: all go to the same place
   */
  readonly tokens?: readonly TokenPlacement[] | undefined;
}

/** Where credentials of one kind go. */
export interface TokenPlacement {
  /** What they begin with. */
  readonly prefix: string;
  /** Header name, lower case. */
  readonly header: string;
  /** @default "" */
  readonly scheme?: string | undefined;
  /** Headers the provider asks for beside such a credential; to lists of the client's (`anthropic-beta`) they are added. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * How a reset header is written: a duration (`6m0s`, `120ms`), an instant (RFC 3339), seconds or milliseconds since the
 * epoch, or seconds or milliseconds from now.
 */
export type ResetUnit = "duration" | "instant" | "epoch-seconds" | "epoch-ms" | "seconds" | "ms";

/** One counter that answers describe in headers. Names in lower case. */
export interface HeaderCounter {
  readonly dimension: Dimension;
  /** Length of its window; `null` where the provider does not say. */
  readonly window: WindowName | null;
  readonly limit?: string | undefined;
  readonly remaining?: string | undefined;
  readonly reset?: string | undefined;
  /** How `reset` is written; required with it. */
  readonly unit?: ResetUnit | undefined;
  /** Does `reset` say when the counter is full again, rather than when the window ends? @default false */
  readonly resetIsFull?: boolean | undefined;
  /** What the counter counts for. @default the provider's `sharedBy` */
  readonly scope?: "key" | "account" | "model" | undefined;
  /** Where these headers are lists with a number for each counter (`1, 15000`), which is this one's, from 0. @default they are no lists */
  readonly entry?: number | undefined;
  /** The limit by which the provider says that there is none: what is left of it means nothing. @default none: 0 allows nothing */
  readonly unlimited?: number | undefined;
}

/** Where an answer says when the limit ends, besides the places that are read in every answer. */
export interface ResetPlace {
  /** Header name, lower case. */
  readonly header?: string | undefined;
  /** As in `ErrorRule.field`. */
  readonly field?: string | undefined;
  readonly unit: ResetUnit;
}

/**
 * When the limit ends if the answer does not say: at the end of the provider's day, minute or month, after so many
 * milliseconds, or as some place of its own says.
 */
export type ResetRule = "day" | "minute" | "month" | number | ResetPlace;

/**
 * What a rule says of an answer. What it leaves open follows from the kind and from the words of the answer; `null` says
 * that there is none.
 */
export interface RuleVerdict {
  readonly kind: Kind;
  readonly scope?: Scope | undefined;
  readonly sharedBy?: SharedBy | undefined;
  readonly window?: WindowName | null | undefined;
  readonly dimension?: Dimension | null | undefined;
  readonly retryable?: boolean | undefined;
  readonly failover?: boolean | undefined;
  /**
   * Is the credential dead for certain? `false`: it is never given up, because it is renewed or not itself at fault.
   * @default given up unless it has ever worked
   */
  readonly isDefinitive?: boolean | undefined;
  /** Waiting cannot help, whatever delay is stated. @default false */
  readonly ignoresDelay?: boolean | undefined;
  /** The delay where none is stated; of a list the first that can be told. @default unknown */
  readonly reset?: ResetRule | readonly ResetRule[] | undefined;
  /** `reset` goes before what is stated: for answers known to state a useless delay. @default false */
  readonly resetWins?: boolean | undefined;
}

/**
 * When a rule applies: all that it names must hold, and of each list one entry. Compared without regard to case; codes
 * also without punctuation.
 */
export interface ErrorRule {
  /**
   * Status of the response, or the one that an error inside a success states itself. A rule for 200 to 299 has a fetch look into
   * such answers; it must name `field`, `words`, `code` or `empty`.
   */
  readonly status?: number | readonly number[] | undefined;
  /** A code, type, status name or reason of the body. */
  readonly code?: string | readonly string[] | undefined;
  /**
   * Words the message contains; where `field` names a place without values, words that stand there. In a success without either,
   * only what looks like a refusal is searched, and plain text.
   */
  readonly words?: string | readonly string[] | undefined;
  /** Words that must not stand where `words` are looked for. */
  readonly unless?: string | readonly string[] | undefined;
  /** A header that is there, or is there with this value. */
  readonly header?: string | readonly [name: string, value: string] | undefined;
  /**
   * A field of the error, its details or the body (dots between names; of a list as body in any element) that is there and not
   * `null`, or has one of these values.
   */
  readonly field?: string | readonly [path: string, ...values: (string | number | boolean | null)[]] | undefined;
  /** The limit's window, as quota details or the words name it. */
  readonly window?: WindowName | readonly WindowName[] | undefined;
  /**
   * Only for errors inside an answer that says success; with `field`, also where no error object stands. It has nobody look into
   * answers that are not looked into anyway: for that, name the `status`. @default any
   */
  readonly embedded?: boolean | undefined;
  /**
   * A completion that came with success and holds nothing: no choices, or no content and no tokens that came out. Not in streams, and
   * not where it says why (a filter, a tool call). @default any
   */
  readonly empty?: true | undefined;
  readonly verdict: RuleVerdict;
}

/** The cheapest request that says whether a key is good. */
export interface HealthProbe {
  /** Headers the provider asks for beside the credential. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly method: "GET" | "POST";
  /** Below the base URL (`..` steps out of it), or absolute on an allowed origin. */
  readonly path: string;
  readonly body?: string | undefined;
  /**
   * What a 200 proves: that the credential is accepted, or nothing where the path is public. A probe that proves nothing is
   * never sent; name a path of your own in `healthCheck`.
   */
  readonly proves: "credential" | "nothing";
  /**
   * Field of a good answer (dots between names) that says what is left: `false`, zero or less mean that nothing is, and the account
   * is out of quota. @default not read
   */
  readonly left?: string | undefined;
}

/** Where requests say what they ask for. */
export interface RequestShape {
  /** Top-level field of a JSON body with the model. @default "model" */
  readonly modelField?: string | undefined;
  /** The model stands in the path, between these two texts; an empty second one is the path's end. @default in the body */
  readonly modelInPath?: readonly [before: string, after: string] | undefined;
  /** Top-level field of a JSON body that asks for a stream. @default "stream" */
  readonly streamField?: string | undefined;
  /** Text in the path that asks for a stream. @default none */
  readonly streamInPath?: string | undefined;
}

/**
 * Where answers and the events of a stream say what was used: paths into JSON, dots between names. What the entries of a
 * list say is added up, as far as they are there. An entry may name several places of the same number, with a bar between
 * them: `"usage.input_tokens|message.usage.input_tokens"`. Of those in one object the first named counts, and what a later
 * event states goes before what an earlier one did, unless it is zero.
 */
export interface UsageShape {
  /**
   * What counts towards the provider's limits of what goes in: with tokens read from a cache where those count, without them
   * where they do not.
   */
  readonly input: readonly string[];
  /** What came out, reasoning included. What a stated total holds beyond both is added to it. */
  readonly output: readonly string[];
  /** @default input and output added up */
  readonly total?: readonly string[] | undefined;
  /** Are counts in a stream running totals, too low in a stream that is cut short? @default false */
  readonly cumulative?: boolean | undefined;
  /** Must a request ask for usage in its stream (`stream_options.include_usage`)? @default false */
  readonly asked?: boolean | undefined;
}

/** Things that one account made and no other knows: files, batches, stored answers. Requests about them go back to it. */
export interface ResourceShape {
  /** What their ids begin with. */
  readonly prefixes: readonly string[];
  /** Parts of paths whose answers hand out ids. */
  readonly made: readonly string[];
  /** Header with the address of an upload's second step. @default none */
  readonly uploadHeader?: string | undefined;
}

/**
 * How a stream of server-sent events begins and ends. Where it is given, streams are handed on from their first content event,
 * and an error before it is answered with another key.
 */
export interface StreamShape {
  /** Event names or chunk types that come before any content. Comments and chunks that name a role only need not be listed. */
  readonly preamble: readonly string[];
  /** What the last event holds, one of these: without it a stream counts as truncated. */
  readonly terminal: readonly string[];
}

/** The APIs that many providers speak: chat completions, messages, `generateContent`. */
export type Protocol = "openai" | "anthropic" | "gemini";

/** What a provider speaks at a base URL. */
export interface ProtocolPlace {
  readonly protocol: Protocol;
  /** Only where the base URL's path has this in it, in whole segments; elsewhere what has no path holds. @default everywhere else */
  readonly path?: string | undefined;
}

/** What the library knows of a provider: data, and what reads its answers. No code here does I/O. */
export interface Provider {
  readonly name: string;
  /**
   * Makes what says what its answers mean, once for each provider. `lexicon` knows codes and words of many APIs, and the rules
   * in `errors`.
   * @default `lexicon`; over objects (`rotating-fetch/core`) status and `Retry-After` alone
   */
  readonly classifier?: ((provider: Provider) => AnswerClassifier) | undefined;
  /** Origins a secret may be sent to. Empty: the user must give one (hosts are per customer). */
  readonly origins: readonly string[];
  /**
   * Hosts a base URL is recognised by when no provider is named. One that begins with a dot names all below it, one that
   * begins with a dash all that end so. Recognising sends no secret anywhere.
   * @default those of `origins`
   */
  readonly hosts?: readonly string[] | undefined;
  /** Paths, one of which a base URL on such a host must begin with to be recognised, in whole segments. @default any */
  readonly paths?: readonly string[] | undefined;
  /**
   * What it speaks, and below which paths where that differs: keys of several providers serve the same requests only where they speak
   * the same. @default unknown
   */
  readonly protocols?: readonly ProtocolPlace[] | undefined;
  /** Base URL as the provider documents it. */
  readonly baseURL?: string | undefined;
  /**
   * Where the credential goes when the client placed none. In a call that carries one already (`authorization`, `x-api-key`,
   * `api-key`, `x-goog-api-key`, this header or this query parameter), the pool's takes its place, wherever that is.
   */
  readonly credential: CredentialPlacement;
  /** Who shares a quota. @default "key" */
  readonly sharedBy?: SharedBy | undefined;
  /** Are limits counted for each model apart? @default false */
  readonly perModel?: boolean | undefined;
  /**
   * Published limits by tier, as far as they count for a whole account. They change often, so none is applied by itself:
   * the `tier` option names one.
   * @default none known
   */
  readonly tiers?: Readonly<Record<string, readonly Limit[]>> | undefined;
  /**
   * Counters in response headers. Empty: this provider sends none. Absent: unknown; those of a refusal are looked for by their
   * usual names, their numbers read by magnitude, and those of a success are not read at all.
   */
  readonly headers?: readonly HeaderCounter[] | undefined;
  /**
   * Rules for errors, the most specific first; asked before what holds for every API. Those that name nothing but a status are asked
   * after the words of an answer, and fill in what words of the same kind leave open.
   */
  readonly errors?: readonly ErrorRule[] | undefined;
  /** Zone in which the provider's day begins at midnight; where given, also of times in messages that name none. @default "UTC" */
  readonly dayZone?: string | undefined;
  readonly probe?: HealthProbe | undefined;
  readonly request?: RequestShape | undefined;
  readonly usage?: UsageShape | undefined;
  readonly stream?: StreamShape | undefined;
  /** @default none: any account can serve any request */
  readonly resources?: ResourceShape | undefined;
  /**
   * May a JSON answer with status 200 hold an error? Then a fetch reads JSON answers of up to 64 KiB before it hands them on,
   * and goes on to another key where there is one. `ErrorClassifier` finds such errors whatever is said here.
   * @default true where a rule of `errors` is for a status of success, else false
   */
  readonly errorsInside200?: boolean | undefined;
  /**
   * Do this provider's own SDKs repeat a POST that was answered 500 or 502? Elsewhere only idempotent requests are repeated.
   * @default false
   */
  readonly repeatsServerErrors?: boolean | undefined;
  /**
   * Is a request another one with another account's key, as a payment is with another merchant's? Then trouble and limits are waited
   * out with the account it was sent with, and only a refused credential leaves it for another. @default false
   */
  readonly bindsToAccount?: boolean | undefined;
  /** Shape of a made error answer. @default "openai" */
  readonly errorShape?: "openai" | "anthropic" | "gemini" | undefined;
}
