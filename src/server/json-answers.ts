/** Nothing an operator is told is for a cache, or to be taken for something else than it says. */
export const plainHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> | undefined = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...plainHeaders, "content-type": "application/json; charset=utf-8", ...headers },
  });
}
