import { defineProvider } from "rotating-fetch";

/** An API of one's own that says in a header what is left. */
export const house = defineProvider({
  name: "house",
  origins: ["https://llm.example.com"],
  headers: [{ dimension: "requests", window: "minute", remaining: "x-left", reset: "x-reset", unit: "seconds" }],
});
