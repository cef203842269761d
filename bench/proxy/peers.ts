import type { Agent, IncomingMessage, ServerResponse } from "node:http";

// Loaded by name at run time and described here as far as used: the project's types are checked without them.
const load = async (name: string): Promise<unknown> => import(name);

export type Next = (error?: unknown) => void;
export type Handler = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

interface Listening {
  listen(port: number, host: string, done: () => void): Listening;
  address(): unknown;
}

interface ExpressApp {
  use(handler: Handler): void;
  disable(setting: string): void;
  listen(port: number, host: string, done: () => void): Listening;
}

interface FastifyApp {
  register(plugin: unknown, options: object): void;
  listen(options: object): Promise<string>;
}

export interface HonoContext {
  readonly req: { readonly path: string; readonly raw: Request; header(): Record<string, string> };
}

interface HonoApp {
  all(path: string, handler: (context: HonoContext) => Promise<Response>): void;
  readonly fetch: unknown;
}

export interface UndiciPool {
  stream(
    options: object,
    factory: (answer: { statusCode: number; headers: Record<string, string | string[]>; opaque: unknown }) => unknown,
  ): Promise<unknown>;
}

export async function loadExpress(): Promise<() => ExpressApp> {
  return ((await load("express")) as { default: () => ExpressApp }).default;
}

export async function loadUndici(): Promise<{ Pool: new (origin: string) => UndiciPool }> {
  return (await load("undici")) as { Pool: new (origin: string) => UndiciPool };
}

export async function loadProxyMiddleware(): Promise<(options: object) => Handler> {
  const { createProxyMiddleware } = (await load("http-proxy-middleware")) as {
    createProxyMiddleware: (options: { target: string; agent: Agent; headers: object }) => Handler;
  };
  return createProxyMiddleware as (options: object) => Handler;
}

export async function loadFastify(): Promise<{ readonly fastify: () => FastifyApp; readonly httpProxy: unknown }> {
  const { default: fastify } = (await load("fastify")) as { default: () => FastifyApp };
  const { default: httpProxy } = (await load("@fastify/http-proxy")) as { default: unknown };
  return { fastify, httpProxy };
}

export async function loadHono(): Promise<{
  readonly Hono: new () => HonoApp;
  readonly proxy: (url: string, init: object) => Promise<Response>;
  readonly serve: (options: object, listening: (info: { port: number }) => void) => void;
}> {
  const { Hono } = (await load("hono")) as { Hono: new () => HonoApp };
  const { proxy } = (await load("hono/proxy")) as { proxy: (url: string, init: object) => Promise<Response> };
  const { serve } = (await load("@hono/node-server")) as {
    serve: (options: object, listening: (info: { port: number }) => void) => void;
  };
  return { Hono, proxy, serve };
}
