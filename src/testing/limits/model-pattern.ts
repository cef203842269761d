/**
 * Tells whether one of the patterns fits a model; `*` stands for any run of characters. Without patterns every model
 * fits, and so does a request without one.
 */
export function modelMatcher(models: string | readonly string[] | undefined): (model: string | undefined) => boolean {
  if (models === undefined) return () => true;
  const patterns = (typeof models === "string" ? [models] : models).map(patternExpression);
  return (model) => model !== undefined && patterns.some((pattern) => pattern.test(model));
}

function patternExpression(pattern: string): RegExp {
  const parts = pattern.split(/\*+/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
