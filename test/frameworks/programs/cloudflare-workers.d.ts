declare module "cloudflare:workers" {
  export const env: { readonly POOLS: string; readonly APP: string };
}
