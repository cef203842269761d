import { jsonAnswer } from "../../json-answers.ts";

/** The envelope of all answers but those whose shape another system has fixed. */
export function done(data: unknown, message = ""): Response {
  return jsonAnswer(200, { success: true, message, data });
}
