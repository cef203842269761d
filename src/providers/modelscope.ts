import type { Provider } from "./provider.ts";

/** https://modelscope.cn/docs/model-service/API-Inference/intro */
export const modelscope: Provider = {
  name: "modelscope",
  origins: ["https://api-inference.modelscope.cn"],
  credential: { header: "authorization", scheme: "Bearer" },
  repeatsServerErrors: true,
  errorShape: "openai",
};
