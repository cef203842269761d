import axios from "axios";
import ky, { HTTPError } from "ky";
import { Octokit, RequestError } from "octokit";
import { createFetch, FetchError } from "ofetch";
import type { RotatingFetch } from "rotating-fetch";
import { describe, expect, it } from "vitest";
import { describeClient, failureOf } from "./support/describe-client.ts";
import { decodedText, secondsOf } from "./support/reading.ts";
import { newFile, newStream } from "./support/uploads.ts";
import { placeholder, setUp } from "./support/world.ts";

const repository = { owner: "example", repo: "example" };
const openOctokit = (fetch: RotatingFetch, settings = {}): Octokit =>
  new Octokit({ auth: placeholder, request: { fetch }, ...settings });
const documentedOctokit = { retry: { enabled: false }, throttle: { enabled: false } };

describeClient({
  name: "octokit 5",
  options: { provider: "github" },
  keyIn: "authorization",
  operations: {
    async "a list"(fetch) {
      const octokit = openOctokit(fetch, documentedOctokit);
      return (await octokit.rest.issues.listForRepo(repository)).data[0]?.title ?? "";
    },
    async "a new issue"(fetch) {
      const octokit = openOctokit(fetch, documentedOctokit);
      return (await octokit.rest.issues.create({ ...repository, title: "Hello" })).data.title;
    },
  },
  exhausted: {
    documented: (fetch) => openOctokit(fetch, documentedOctokit).rest.issues.listForRepo(repository),
    byDefault: (fetch) => openOctokit(fetch).rest.issues.listForRepo(repository),
    defaultCalls: 4,
    read(error) {
      if (!(error instanceof RequestError)) throw error;
      return { status: error.status, retryAfterSeconds: secondsOf(String(error.response?.headers["retry-after"])) };
    },
  },
});

describe("octokit 5", () => {
  it("is told what GitHub says with a 403, marked as the pool's last word", async () => {
    const refusal = { status: 403, retryAfterSeconds: 3_600 };
    const { fetch, calls } = await setUp([refusal, refusal], { provider: "github" });
    const error = await failureOf(openOctokit(fetch, documentedOctokit).rest.issues.listForRepo(repository));
    if (!(error instanceof RequestError)) throw error;
    expect([error.status, error.response?.headers["x-rotating-fetch"], calls.length]).toEqual([403, "exhausted", 1]);
  });
});

const baseURL = "https://api.example.com/v1";
const body = { text: "Hello" };

/** A form with a file in it. */
function newForm(): FormData {
  const form = new FormData();
  form.set("file", newFile());
  return form;
}

const openKy = (fetch: RotatingFetch, settings = {}): typeof ky =>
  ky.create({ prefixUrl: baseURL, fetch, ...settings });

describeClient({
  name: "ky 1",
  options: { baseURL },
  keyIn: "authorization",
  operations: {
    async "a GET"(fetch) {
      return (await openKy(fetch).get("items").json<{ text: string }>()).text;
    },
    async "a POST of JSON"(fetch) {
      return (await openKy(fetch).post("items", { json: body }).json<{ text: string }>()).text;
    },
    async "a stream"(fetch) {
      const response = await openKy(fetch).post("stream", { json: body });
      return decodedText(response.body!);
    },
    async "an upload"(fetch) {
      return (await openKy(fetch).post("items", { body: newForm() }).json<{ text: string }>()).text;
    },
    async "a stream that goes up"(fetch) {
      return (await openKy(fetch).post("items", { body: newStream() }).json<{ text: string }>()).text;
    },
  },
  exhausted: {
    documented: (fetch) => openKy(fetch, { retry: 0 }).get("items").json(),
    byDefault: (fetch) => openKy(fetch).get("items").json(),
    defaultCalls: 3,
    read(error) {
      if (!(error instanceof HTTPError)) throw error;
      const { status, headers } = error.response;
      return { status, retryAfterSeconds: secondsOf(headers.get("retry-after")) };
    },
  },
});

const openOfetch = (fetch: RotatingFetch): ReturnType<typeof createFetch> =>
  createFetch({ fetch, defaults: { baseURL } });

describeClient({
  name: "ofetch",
  options: { baseURL },
  keyIn: "authorization",
  operations: {
    async "a GET"(fetch) {
      return (await openOfetch(fetch)<{ text: string }>("/items")).text;
    },
    async "a POST of JSON"(fetch) {
      return (await openOfetch(fetch)<{ text: string }>("/items", { method: "POST", body })).text;
    },
    async "a stream"(fetch) {
      const stream = await openOfetch(fetch)("/stream", { method: "POST", body, responseType: "stream" });
      return decodedText(stream);
    },
    async "an upload"(fetch) {
      return (await openOfetch(fetch)<{ text: string }>("/items", { method: "POST", body: newForm() })).text;
    },
    async "a stream that goes up"(fetch) {
      return (await openOfetch(fetch)<{ text: string }>("/items", { method: "POST", body: newStream() })).text;
    },
  },
  exhausted: {
    documented: (fetch) => openOfetch(fetch)("/items", { retry: 0 }),
    byDefault: (fetch) => openOfetch(fetch)("/items"),
    defaultCalls: 2,
    read(error) {
      if (!(error instanceof FetchError)) throw error;
      return { status: error.status, retryAfterSeconds: secondsOf(error.response?.headers.get("retry-after")) };
    },
  },
});

const openAxios = (fetch: RotatingFetch, env = {}) =>
  axios.create({ baseURL, adapter: "fetch", env: { fetch, ...env } });

describeClient({
  name: "axios 1",
  options: { baseURL },
  keyIn: "authorization",
  operations: {
    async "a GET"(fetch) {
      return (await openAxios(fetch).get("/items")).data.text;
    },
    async "a POST of JSON"(fetch) {
      return (await openAxios(fetch).post("/items", body)).data.text;
    },
    async "a POST without a Request"(fetch) {
      return (await openAxios(fetch, { Request: null }).post("/items", body)).data.text;
    },
    async "a stream"(fetch) {
      const { data } = await openAxios(fetch).post("/stream", body, { responseType: "stream" });
      return decodedText(data);
    },
    async "an upload"(fetch) {
      const headers = { "content-type": "multipart/form-data" };
      return (await openAxios(fetch).post("/items", newForm(), { headers })).data.text;
    },
  },
  exhausted: {
    documented: (fetch) => openAxios(fetch).get("/items"),
    byDefault: (fetch) => openAxios(fetch).get("/items"),
    defaultCalls: 1,
    read(error) {
      if (!axios.isAxiosError(error)) throw error;
      return { status: error.status, retryAfterSeconds: secondsOf(error.response?.headers["retry-after"]) };
    },
  },
});
