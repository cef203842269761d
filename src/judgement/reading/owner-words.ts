const owner = "(?:key|token|credential|password|account|organi[sz]ation|workspace|project|subscription|team)s?";
const death =
  "(?:invalid|incorrect|not[\\W_]+valid|revoked|deactivated|disabled|leaked|expired|suspended|terminated|banned|blocked|closed)";
const refusedOwner = new RegExp(
  `${owner}[\\W_]+(?:\\w+[\\W_]+){0,4}?${death}|${death}[\\W_]+(?:api[\\W_]+)?${owner}`,
  "i",
);

/**
 * Do the words of a refusal say that a credential or an account is dead or stopped? Both stand close together: a prompt that was
 * blocked may speak of accounts elsewhere.
 */
export function isOwnerRefused(text: string): boolean {
  return refusedOwner.test(text);
}
