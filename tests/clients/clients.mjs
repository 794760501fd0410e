// The clients for Node. Each is asked one thing and prints one line of JSON: what it shows.
import { readFileSync } from "node:fs";

const [, , name, what] = process.argv;
const { BASE, KEY, PICTURE } = process.env;
const patience = what === "time-out" ? 1000 : 60000;
const stream = what === "stream" || what === "late failure in a stream";
const edit = what === "edit";
const prompt = "A lighthouse";
const model = "default";

function shown(base64) {
  if (!base64) return "nothing, and no error";
  const head = Buffer.from(base64.slice(0, 12), "base64").toString("latin1");
  return head.includes("PNG") || head.startsWith("\xff\xd8") ? "picture" : "no picture";
}

const clients = {
  async openai() {
    const { default: OpenAI, toFile } = await import("openai");
    const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: KEY, maxRetries: 0, timeout: patience });
    if (edit) {
      const image = await toFile(readFileSync(PICTURE), "a.png", { type: "image/png" });
      return shown((await client.images.edit({ model, prompt, image })).data?.[0].b64_json);
    }
    const answer = await client.images.generate({ model, prompt, size: "1024x1024", stream });
    if (!stream) return shown(answer.data?.[0].b64_json);
    let last;
    for await (const event of answer) last = event;
    return shown(last.b64_json);
  },
  async "google-genai"() {
    const { GoogleGenAI } = await import("@google/genai");
    const httpOptions = { baseUrl: BASE, timeout: patience, retryOptions: { attempts: 1 } };
    const client = new GoogleGenAI({ apiKey: KEY, httpOptions });
    const inlineData = { mimeType: "image/png", data: readFileSync(PICTURE).toString("base64") };
    const contents = edit ? [{ role: "user", parts: [{ text: prompt }, { inlineData }] }] : prompt;
    const asked = { model, contents, config: { responseModalities: ["IMAGE"] } };
    const found = (one) => one?.candidates?.[0].content.parts[0].inlineData.data;
    if (!stream) return shown(found(await client.models.generateContent(asked)));
    let last;
    for await (const chunk of await client.models.generateContentStream(asked)) last = chunk;
    return shown(found(last));
  },
  async ai() {
    const { generateImage, experimental_generateImage } = await import("ai");
    const { createOpenAI } = await import("@ai-sdk/openai");
    const make = generateImage ?? experimental_generateImage;
    const provider = createOpenAI({ baseURL: `${BASE}/v1`, apiKey: KEY });
    if (stream) return "has none";
    const asked = edit ? { images: [readFileSync(PICTURE)], text: prompt } : prompt;
    const abortSignal = AbortSignal.timeout(patience);
    const answer = await make({ model: provider.image(model), prompt: asked, maxRetries: 0, abortSignal });
    return shown(answer.image.base64);
  },
  async langchain() {
    const { DallEAPIWrapper } = await import("@langchain/openai");
    if (edit || stream) return "has none";
    const tool = new DallEAPIWrapper({
      model, apiKey: KEY, baseUrl: `${BASE}/v1`, organization: undefined, dallEResponseFormat: "b64_json",
      maxRetries: 0, timeout: patience,
    });
    return shown(await tool.invoke(prompt));
  },
};

let shows;
try {
  shows = await clients[name]();
} catch (error) {
  const kind = error?.error?.kind ?? error?.lastError?.data?.error?.kind ?? "";
  const status = error?.status ?? error?.statusCode ?? "";
  shows = ["raises", error?.constructor?.name, status, kind].filter(Boolean).join(" ");
}
console.log(JSON.stringify(shows));
process.exit(0);
