/** Longer names are not compared: the cost stays that of two short words. */
const longestCompared = 32;

/** One wrong letter in three, and never more than three. */
function toleranceFor(length: number): number {
  return Math.min(3, Math.max(1, Math.floor(length / 3)));
}

/** Case and what joins words are no difference: `roundRobin` means `round_robin`. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_\-. ]/g, "");
}

/**
 * How many letters must be put in, left out, changed or swapped with their neighbour to make one word of the other
 * (optimal string alignment).
 */
function distance(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      let cost = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + (isSame ? 0 : 1),
      );
      const isSwapped =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (isSwapped) cost = Math.min(cost, (beforeLast[column - 2] as number) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] as number;
}

/** The known name that was probably meant, or `undefined` when none is close. Of equally close ones the first. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const wanted = plain(name);
  if (name.length > longestCompared || wanted === "") return undefined;
  let best: string | undefined;
  let bestDistance = toleranceFor(wanted.length) + 1;
  for (const candidate of known) {
    const compared = plain(candidate);
    if (candidate.length > longestCompared || Math.abs(compared.length - wanted.length) >= bestDistance) continue;
    const found = distance(wanted, compared);
    // Half a short word is no resemblance.
    if (found >= bestDistance || found * 2 > Math.min(wanted.length, compared.length)) continue;
    best = candidate;
    bestDistance = found;
  }
  return best;
}
