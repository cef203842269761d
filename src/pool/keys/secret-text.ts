/** Space, and what no header can carry. */
export function badCharacter(secret: string): string | undefined {
  for (let place = 0; place < secret.length; place++) {
    const code = secret.charCodeAt(place);
    if (code < 0x20 || code === 0x7f) return `a control character (code ${code}) at position ${place}`;
    if (code === 0x20) return `a space at position ${place}`;
    if (code > 0xff) return `a character no header can carry (code ${code}) at position ${place}`;
  }
  return undefined;
}
