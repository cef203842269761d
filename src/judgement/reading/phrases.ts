/**
 * A pattern that finds the leftmost of several fixed phrases. It holds literals only, so it cannot backtrack, and it
 * looks for all of them in one pass, several times faster than one `includes` after the other.
 */
export function phrasePattern(phrases: readonly string[], wholeWords: readonly string[] = []): RegExp {
  const alternatives = phrases.map(escapeLiteral);
  if (wholeWords.length > 0) alternatives.push(`\\b(?:${wholeWords.map(escapeLiteral).join("|")})\\b`);
  return new RegExp(alternatives.join("|"));
}

function escapeLiteral(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
