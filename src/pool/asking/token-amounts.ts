import { fillTokens, type OwnCandidate } from "../../limits/key-candidate.ts";
import { outputReserve } from "../../limits/limits.ts";
import type { Candidate } from "../../limits/store.ts";
import type { TokenEstimate } from "../../types.ts";
import type { AcquireRequest } from "../rotator-options.ts";

/** What requests are expected to use, asked for once each and only where a limit counts tokens. */
export class TokenAmounts {
  readonly #estimates = new WeakMap<AcquireRequest, TokenEstimate>();

  /** The candidate with this request's amounts. A store outside this turn of the event loop gets a copy of its own. */
  fill(candidate: OwnCandidate, request: AcquireRequest, isShared: boolean): Candidate {
    if (candidate.ofTokens === undefined) return candidate;
    const { input = 0, output = outputReserve } = this.#estimateOf(request);
    fillTokens(candidate.ofTokens, input, output);
    if (isShared) return candidate;
    return {
      scopes: candidate.scopes,
      needs: candidate.needs.map(({ bucket, amount }) => ({ bucket, amount })),
      memo: undefined,
    };
  }

  #estimateOf(request: AcquireRequest): TokenEstimate {
    const { tokens } = request;
    if (typeof tokens !== "function") return tokens ?? {};
    let estimate = this.#estimates.get(request);
    if (estimate === undefined) {
      estimate = tokens();
      this.#estimates.set(request, estimate);
    }
    return estimate;
  }
}
