/** Sets fields that `Response` has as getters only. */
export function withFields(
  response: Response,
  fields: Partial<Pick<Response, "url" | "redirected" | "type">>,
): Response {
  for (const [name, value] of Object.entries(fields)) {
    Object.defineProperty(response, name, { value, configurable: true, enumerable: true });
  }
  return response;
}
