// OpenAI's Node client, unchanged, against ChatSmart. Prints one JSON object of what it saw.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: process.env.CHATSMART_KEY, maxRetries: 0 });
const messages = [{ role: "user", content: "Say something about tea." }];
const model = "gpt-6-luna";
const seen = {};

const whole = await client.chat.completions.create({ model, messages });
seen.whole = whole.choices[0].message.content;
seen.fingerprint = whole.system_fingerprint;
seen.total = whole.usage.total_tokens;
seen.requestId = whole._request_id;

seen.streamed = "";
seen.emptyChunks = 0;
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  if (chunk.choices.length === 0) seen.emptyChunks += 1;
  seen.streamed += chunk.choices[0]?.delta?.content ?? "";
}

const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const runner = client.chat.completions.runTools({
  model,
  messages: [{ role: "user", content: "What is the weather in Paris?" }],
  tools: [
    {
      type: "function",
      function: {
        name: "get_weather",
        description: "Get the weather of a city.",
        parameters,
        parse: JSON.parse,
        function: ({ city }) => {
          seen.city = city;
          return "18 degrees, clear";
        },
      },
    },
  ],
  stream: true,
});
seen.final = await runner.finalContent();

const structured = await client.chat.completions.create({
  model,
  messages,
  response_format: { type: "json_schema", json_schema: { name: "place", schema: parameters, strict: true } },
});
seen.structured = JSON.parse(structured.choices[0].message.content);

seen.models = [];
for await (const found of client.models.list()) seen.models.push(found.id);

async function refusal(work) {
  try {
    await work();
    return null;
  } catch (error) {
    return { type: error.constructor.name, status: error.status, code: error.code, param: error.param };
  }
}
seen.unknownModel = await refusal(() => client.chat.completions.create({ model: "gpt-99", messages, stream: true }));
seen.badRequest = await refusal(() => client.chat.completions.create({ model, messages: [] }));
seen.badKey = await refusal(() => client.withOptions({ apiKey: "cs_wrong-key-of-nobody-000000" }).models.list());

console.log(JSON.stringify(seen));
