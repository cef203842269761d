declare module "cloudflare:workers" {
  /** Bindings of the worker; there in module scope too. */
  export const env: { readonly ENVIRONMENT: string };
}
